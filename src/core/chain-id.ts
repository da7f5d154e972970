import { type Digest, digestOf } from "./digest.ts";

/**
 * The chain IDs of a stack of layers, lowest first, one for each diffID. A chain ID names a layer together with all
 * that lie below it: the lowest layer's is its diffID, each further one is the hash of the chain below, a space and
 * the own diffID (OCI image-spec, config.md, "Layer ChainID").
 */
export function chainIDs(diffIDs: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffID of diffIDs) {
    const below = chain.at(-1);
    chain.push(chainIDOn(below ?? null, diffID));
  }
  return chain;
}

/** The chain ID of a layer on top of the chain `below`; null for a lowest layer. */
export function chainIDOn(below: Digest | null, diffID: Digest): Digest {
  return below === null ? diffID : digestOf(`${below} ${diffID}`);
}
