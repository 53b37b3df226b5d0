"""The mood of the music as a colour for lights: `python lights.py [URL] [--artnet HOST]`.

Hue follows the direction on the valence-arousal plane, saturation how far from neutral it is, and
brightness the arousal. Without --artnet the colours are printed; with it they go out as Art-Net 4
(ArtDmx, UDP port 6454): red, green and blue on channels 1 to 3 of universe 0.

`--delay` of `realtime-mer live` holds estimates back, where the light is ahead of the sound.
"""

import argparse
import colorsys
import math
import socket
import struct
from contextlib import suppress
from itertools import pairwise

from realtime_mer import subscribe
from realtime_mer.estimate import Estimate, Status

ARTNET_PORT = 6454
HEARD = {Status.MUSIC, Status.WARMING_UP, Status.GAP}


# Direction on the plane in degrees, counter-clockwise from pleasant, and its hue: excited is
# golden, tense red, sad blue, calm green, and what lies between goes from one to the next.
HUES = ((-45, 120), (45, 45), (135, 0), (225, -120), (315, -240), (405, -315))


def interpolated(angle: float) -> float:
    """Return the hue of a direction."""
    for (start, first), (end, last) in pairwise(HUES):
        if angle <= end:
            return first + (last - first) * (angle - start) / (end - start)
    raise ValueError(f"{angle} is no direction from 0 to 360 degrees")


def colour(estimate: Estimate) -> tuple[int, int, int]:
    """Return red, green and blue, 0 to 255 each."""
    angle = math.degrees(math.atan2(estimate.arousal, estimate.valence)) % 360
    hue = interpolated(angle) % 360 / 360
    saturation = min(1.0, math.hypot(estimate.valence, estimate.arousal) / 0.6)
    brightness = 0.35 + 0.65 * (estimate.arousal + 1) / 2
    if estimate.status not in HEARD:
        brightness *= 0.3  # nothing plays: dim, and keep the last colour
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, brightness)
    return round(255 * red), round(255 * green), round(255 * blue)


def art_dmx(sequence: int, channels: bytes) -> bytes:
    """Return an ArtDmx packet for universe 0."""
    data = channels + bytes(len(channels) % 2)  # the standard wants an even number
    header = struct.pack("<8sH", b"Art-Net\0", 0x5000) + struct.pack(">H", 14)
    return header + struct.pack("<BBH", sequence, 0, 0) + struct.pack(">H", len(data)) + data


def main() -> None:
    parser = argparse.ArgumentParser(description="The mood of the music as a colour.")
    parser.add_argument("url", nargs="?", default="ws://127.0.0.1:8765")
    parser.add_argument("--token")
    parser.add_argument("--artnet", metavar="HOST", help="send ArtDmx there")
    parser.add_argument("--port", type=int, default=ARTNET_PORT, help="UDP port of the node")
    options = parser.parse_args()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        subscribe(options.url, token=options.token) as estimates,
    ):
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for estimate in estimates:
            if not isinstance(estimate, Estimate):
                continue
            red, green, blue = colour(estimate)
            if options.artnet is None:
                block = f"\x1b[48;2;{red};{green};{blue}m      \x1b[0m"
                print(f"{estimate.t:7.1f} s  {block}  {red:3} {green:3} {blue:3}  {estimate.mood}")
            else:
                packet = art_dmx(1 + estimate.seq % 255, bytes((red, green, blue)))
                udp.sendto(packet, (options.artnet, options.port))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
