/** The newest sound that was recorded, of which a part was sent (pure). */

export class Kept {
  #most;
  #blocks = [];
  #confirmed = 0;

  /** @param {number} most samples from the oldest that is kept to the newest, the sent ones included */
  constructor(most) {
    this.#most = most;
    /** Index behind the last sample. */
    this.end = 0;
    /** Index of the sample that is to be sent next. */
    this.next = 0;
    /** Samples that gave way to newer ones before the other side had them. */
    this.lost = 0;
  }

  /** Samples that are to be sent still; what was never recorded is not among them. */
  get waiting() {
    const left = ({ index, samples }) => index + samples.length - Math.max(index, this.next);
    return this.#blocks.reduce((sum, block) => sum + Math.max(0, left(block)), 0);
  }

  /**
   * Keep a block.
   *
   * @param {number} index of its first sample: `end`, or more where some are missing
   * @param {Int16Array} samples
   */
  add(index, samples) {
    this.#blocks.push({ index, samples });
    this.end = index + samples.length;
    while (this.#blocks[0].index + this.#blocks[0].samples.length <= this.end - this.#most) {
      const oldest = this.#blocks.shift();
      const after = oldest.index + oldest.samples.length;
      this.lost += Math.max(0, after - Math.max(oldest.index, this.next));
      this.next = Math.max(this.next, after);
    }
  }

  /** Return the next block to send, `{index, samples}`, or null. */
  take() {
    const block = this.#blocks.find(({ index, samples }) => index + samples.length > this.next);
    if (block === undefined) return null;
    const start = Math.max(0, this.next - block.index);
    this.next = block.index + block.samples.length;
    return { index: block.index + start, samples: block.samples.subarray(start) };
  }

  /** Note that the other side has what comes before an index. */
  confirm(index) {
    this.#confirmed = Math.max(this.#confirmed, Math.min(index, this.end));
  }

  /**
   * Send from here on once more, as far as it is kept; what is not kept any more is lost.
   *
   * @param {number} index of the first sample that the other side lacks
   */
  goBackTo(index) {
    if (index >= this.next) return;
    const oldest = this.#blocks[0]?.index ?? this.end;
    const unknown = Math.max(index, this.#confirmed); // a service that forgot it had it once
    this.lost += Math.max(0, Math.min(oldest, this.next) - unknown);
    this.next = Math.max(index, oldest);
  }
}
