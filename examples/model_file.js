// Runs models/NAME.onnx in a browser, with ONNX Runtime Web. docs/model-file.md says what the names,
// shapes and numbers mean. model_file.html is a page that uses it.
import * as ort from "onnxruntime-web"; // where it lies says the page, or your bundler

ort.env.wasm.numThreads = 1; // a hop is too small to share

export const RATE = 24000;
const HOP = 2400; // samples from one estimate to the next: 0.1 s
const WINDOW = 72000; // samples an estimate looks at: 3 s
const ESTIMATES = ["affect", "affect_sd", "quadrants", "gems"];

/** One stream of sound on its way through the network. */
export class Stream {
  #session;
  #state = {};

  /** Fetches the file and begins a stream. */
  static async open(url) {
    const stream = new Stream();
    stream.#session = await ort.InferenceSession.create(url, { executionProviders: ["wasm"] });
    await stream.reset();
    return stream;
  }

  /** Begins anew, as if digital silence had gone before. */
  async reset() {
    const zeros = Object.fromEntries(this.#session.inputMetadata
      .filter(({ name }) => name !== "samples")
      .map(({ name, shape }) => [name, silent([1, ...shape.slice(1)])]));
    this.#state = zeros;
    await this.step(new Float32Array(WINDOW));
    this.#state.hidden = zeros.hidden;
    this.#state.cell = zeros.cell;
  }

  /**
   * Hears whole hops. Call it again only when it has answered: each call goes on from the last.
   * Returns an array of numbers a hop: valence, arousal, their deviations, quadrants, GEMS-9.
   */
  async step(samples) {
    const sound = new ort.Tensor("float32", samples, [1, samples.length]);
    const found = await this.#session.run({ samples: sound, ...this.#state });
    this.#state = Object.fromEntries(
      Object.keys(this.#state).map((name) => [name, found[`next_${name}`]]),
    );
    return Array.from({ length: samples.length / HOP }, (_, hop) => ESTIMATES.flatMap((name) => {
      const { data, dims } = found[name];
      return [...data.subarray(hop * dims[2], (hop + 1) * dims[2])];
    }));
  }
}

function silent(shape) {
  return new ort.Tensor("float32", new Float32Array(shape.reduce((a, b) => a * b)), shape);
}

/**
 * Returns the sound of a file that the browser can play: mono, at the network's rate. Browsers
 * resample coarsely, which may move an estimate by some hundredths.
 */
export async function decode(file) {
  const context = new OfflineAudioContext(1, 1, RATE);
  const sound = await context.decodeAudioData(await file.arrayBuffer());
  const mono = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel += 1) {
    sound.getChannelData(channel).forEach((x, i) => { mono[i] += x / sound.numberOfChannels; });
  }
  return mono;
}

/** Yields the estimates of a recording, those of up to 30 s at a time. */
export async function* analyse(stream, samples) {
  await stream.reset();
  // What is left at the end is less than a hop, and gets no estimate.
  const end = samples.length - (samples.length % HOP);
  for (let start = 0; start < end; start += 300 * HOP) {
    yield stream.step(samples.slice(start, Math.min(start + 300 * HOP, end)));
  }
}
