/** What could not be kept, told once a kind with its first example and a count. Bounded, whatever the layer holds. */
export interface Warning {
  readonly what: string;
  readonly example: string;
  readonly count: number;
}

export class Warnings {
  readonly #kinds = new Map<string, { example: string; count: number }>();

  add(what: string, example: string): void {
    const known = this.#kinds.get(what);
    if (known === undefined) this.#kinds.set(what, { example, count: 1 });
    else known.count++;
  }

  list(): Warning[] {
    return [...this.#kinds].map(([what, { example, count }]) => ({ what, example, count }));
  }
}
