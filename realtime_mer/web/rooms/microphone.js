/** In the thread of the sound: the microphone as blocks of 16-bit samples, each with its place. */

const BLOCK_SECONDS = 0.04;

class Microphone extends AudioWorkletProcessor {
  #block = new Int16Array(Math.round(sampleRate * BLOCK_SECONDS));
  #filled = 0;
  #index = 0;

  process([channels]) {
    // Without a channel nothing was recorded, and the next sample has its place all the same.
    if (channels.length === 0) {
      this.#hand();
      return true;
    }
    for (let frame = 0; frame < channels[0].length; frame += 1) {
      if (this.#filled === 0) this.#index = currentFrame + frame;
      let sum = 0;
      for (const channel of channels) sum += channel[frame];
      const value = Math.round((32767 * sum) / channels.length);
      this.#block[this.#filled] = Math.max(-32768, Math.min(32767, value));
      this.#filled += 1;
      if (this.#filled === this.#block.length) this.#hand();
    }
    return true;
  }

  #hand() {
    if (this.#filled === 0) return;
    const samples = this.#block.slice(0, this.#filled);
    this.port.postMessage({ index: this.#index, samples }, [samples.buffer]);
    this.#filled = 0;
  }
}

registerProcessor("microphone", Microphone);
