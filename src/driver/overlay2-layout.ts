import { randomBytes } from "node:crypto";
import { readdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { LayerfsError } from "../core/errors.ts";
import { readPlainLink } from "../sys/plain-path.ts";
import { readIfThere } from "../sys/read-if-there.ts";
import type { LayerAddress } from "./driver.ts";
import { attempt } from "./layer-directories.ts";
import { isLayerID } from "./layer-id.ts";

/*
 * Docker's files of an overlay2 layer: `<id>/diff` the layer's files, `<id>/link` its short name, `<id>/lower` the
 * short names of the layers below it, `<id>/work` for overlayfs, `<id>/committed` once it never changes again, and
 * `l/<short name>` -> `../<id>/diff`. Short names exist so that many lowers fit into one page of mount options.
 */

export interface LayerPaths {
  readonly directory: string;
  readonly diff: string;
  readonly work: string;
  readonly link: string;
  readonly lower: string;
  readonly committed: string;
  /** Where Docker mounts a container's tree; only there while mounted. */
  readonly merged: string;
}

export function layerPaths(home: string, id: string): LayerPaths {
  const directory = join(home, id);
  const [diff, work, link] = [join(directory, "diff"), join(directory, "work"), join(directory, "link")];
  const [lower, committed, merged] = [
    join(directory, "lower"),
    join(directory, "committed"),
    join(directory, "merged"),
  ];
  return { directory, diff, work, link, lower, committed, merged };
}

export function linkDirectory(home: string): string {
  return join(home, "l");
}

/** 26 characters of base32 (RFC 4648), as Docker makes them. */
export function newLinkName(): string {
  return Array.from(randomBytes(26), (byte) => BASE32[byte % BASE32.length]).join("");
}

/** Writes the layer's short name; first the record, then the symlink, so that a removal finds what to take away. */
export function writeLink(home: string, id: string, linkName: string): void {
  writeRecord(layerPaths(home, id).link, linkName);
  const path = join(linkDirectory(home), linkName);
  attempt("make symlink", path, () => symlinkSync(targetOf(id), path));
}

/** Makes what is missing of the layer's short name anew: its symlink from its record, or the reverse, or both. */
export function restoreLink(home: string, id: string): void {
  const linkName = readRecord(layerPaths(home, id).link);
  if (linkName === null) {
    const found = findLink(home, id);
    if (found === undefined) writeLink(home, id, newLinkName());
    else writeRecord(layerPaths(home, id).link, found);
    return;
  }
  if (!isLinkName(linkName)) return;
  const path = join(linkDirectory(home), linkName);
  if (readLink(path) === null) attempt("make symlink", path, () => symlinkSync(targetOf(id), path));
}

function targetOf(id: string): string {
  return `../${id}/diff`;
}

function findLink(home: string, id: string): string | undefined {
  const links = linkDirectory(home);
  return readdirSync(links).find((name) => readLink(join(links, name)) === targetOf(id));
}

/**
 * Removes the symlink that the record in `directory` names, if it is this layer's. Repeating it is harmless. The record
 * of a layer that was being made when the power failed can be empty, with its symlink there.
 */
export function removeLink(home: string, id: string, directory: string): void {
  const record = readRecord(join(directory, "link"));
  if (record === null) return;
  const linkName = isLinkName(record) ? record : findLink(home, id);
  if (linkName === undefined) return;
  const path = join(linkDirectory(home), linkName);
  if (readLink(path) === targetOf(id)) attempt("remove", path, () => unlinkSync(path));
}

/** Fails with CORRUPT_STORE if the record is missing or no name. */
export function readLinkName(home: string, id: string): string {
  const path = layerPaths(home, id).link;
  const linkName = readRecord(path);
  if (linkName === null) throw corrupt(`${path} is missing`);
  if (!isLinkName(linkName)) throw corrupt(`${path}: expected the name of a link, found ${JSON.stringify(linkName)}`);
  return linkName;
}

/** Short names of the layers below, topmost first; none for a layer that is the lowest. */
export function readLowerLinks(home: string, id: string): string[] {
  const path = layerPaths(home, id).lower;
  const text = readRecord(path);
  if (text === null) return [];
  return text.split(":").map((part) => {
    const linkName = part.startsWith("l/") ? part.slice(2) : "";
    if (!isLinkName(linkName)) throw corrupt(`${path}: expected l/NAME:l/NAME..., found ${JSON.stringify(part)}`);
    return linkName;
  });
}

export function writeLower(home: string, id: string, linkNames: readonly string[]): void {
  const path = layerPaths(home, id).lower;
  // Other processes look at the lowers of layers that are being made, and must not see half of them.
  writeRecord(`${path}.new`, linkNames.map(shortPath).join(":"));
  attempt("rename", path, () => renameSync(`${path}.new`, path));
}

/** The directory that a short name stands for. Fails with CORRUPT_STORE if the link is missing or leads elsewhere. */
export function resolveLink(home: string, linkName: string): string {
  const path = join(linkDirectory(home), linkName);
  const target = readLink(path);
  if (target === null) throw corrupt(`${path} is missing`);
  const [, id = ""] = /^\.\.\/([^/]+)\/diff$/.exec(target) ?? [];
  if (!isLayerID(id)) throw corrupt(`${path}: expected ../ID/diff, found ${JSON.stringify(target)}`);
  return join(dirname(dirname(path)), id, "diff");
}

/** A layer's directory by its short name, relative to `home`. */
export function shortPath(linkName: string): string {
  return `l/${linkName}`;
}

/** The layer that `<id>/…` or `l/<short name>/…` belongs to; see `StorageDriver.identify`. */
export function identifyLayer(home: string, path: string): LayerAddress | null {
  const [first = "", second = "", ...rest] = path.split("/");
  if (first !== "l") {
    const isFile = second === "diff" || second === "merged";
    return isLayerID(first) ? { id: first, path: isFile ? rest.join("/") : null } : null;
  }
  const target = isLinkName(second) ? readLink(join(linkDirectory(home), second)) : null;
  const [, id = ""] = /^\.\.\/([^/]+)\/diff$/.exec(target ?? "") ?? [];
  return isLayerID(id) ? { id, path: rest.join("/") } : null;
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** dockerd takes names of any length. */
function isLinkName(text: string): boolean {
  return /^[A-Za-z0-9]+$/.test(text);
}

/** Records need no fsync of their own: a layer is worth nothing before it is sealed, which syncs the file system. */
function writeRecord(path: string, text: string): void {
  attempt("write", path, () => writeFileSync(path, text, { mode: 0o644, flag: "wx" }));
}

function readRecord(path: string): string | null {
  return attempt("read", path, () => readIfThere(path));
}

function readLink(path: string): string | null {
  return attempt("read the link", path, () => readPlainLink(path));
}

function corrupt(message: string): LayerfsError {
  return new LayerfsError("CORRUPT_STORE", message, { hint: "load the image again" });
}
