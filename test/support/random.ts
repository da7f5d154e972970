import { createCipheriv, createHash } from "node:crypto";

/** Numbers that a seed decides, for tests that can be run again with the seed they print. */
export interface Random {
  /** 0 <= x < 1. */
  fraction(): number;
  pick<T>(choices: readonly T[]): T;
}

/** Bytes that no compression makes shorter, the same for the same seed. */
export function randomBytesOf(seed: string, length: number): Buffer {
  const key = createHash("sha256").update(seed).digest();
  return createCipheriv("aes-128-ctr", key.subarray(0, 16), key.subarray(16)).update(Buffer.alloc(length));
}

export function randomOf(seed: string): Random {
  let state = createHash("sha256").update(seed).digest().readUInt32LE(0);
  // mulberry32
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { fraction, pick: (choices) => choices[Math.floor(fraction() * choices.length)]! };
}
