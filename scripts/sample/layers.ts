import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { helloProgram, showProgram } from "./programs.ts";
import type { ArchiveFile } from "./tar.ts";

const checkout = join(import.meta.dirname, "../..");
/** 2025-01-15 12:00:00 UTC: every time in the image is this one or a day after it. */
export const sampleTime = { seconds: 1_736_942_400, nanoseconds: 0 };

/** A minimal root filesystem: accounts, two programs that run in it, their licence. */
export function baseLayer(): ArchiveFile[] {
  return withParents([
    directory("proc/"),
    directory("sys/"),
    directory("root/", 0o700),
    directory("tmp/", 0o1777),
    { ...directory("var/mail/", 0o2775), gid: 8 },
    symlink("bin", "usr/bin"),
    text("etc/group", "root:x:0:\nmail:x:8:\nsample:x:1000:\n"),
    text("etc/hostname", "sample\n"),
    text("etc/motd", "This is the lowest layer; two more lie above it.\n"),
    text("etc/os-release", 'NAME="layerfs sample"\nID=layerfs-sample\nVERSION_ID=1\n'),
    text("etc/passwd", "root:x:0:0:root:/root:/bin/show\nsample:x:1000:1000:sample:/home/sample:/bin/show\n"),
    { ...text("etc/shadow", "root:*:20103::::::\nsample:*:20103::::::\n"), mode: 0o640, gid: 42 },
    { ...directory("home/sample/", 0o750), uid: 1000, gid: 1000 },
    { ...file("usr/bin/hello", helloProgram()), mode: 0o4755 },
    { ...file("usr/bin/show", showProgram()), mode: 0o755 },
    { ...hardLink("usr/bin/type", "usr/bin/show"), mode: 0o755 },
    file("usr/share/licenses/sample/LICENSE", readFileSync(join(checkout, "LICENSE"))),
  ]);
}

/** An application: the npm package mustache as npm installs it, with its configuration and a filled cache. */
export function applicationLayer(): ArchiveFile[] {
  const documents = "usr/share/doc/sample";
  return withParents([
    ...packageFiles(join(checkout, "node_modules/mustache"), "usr/lib/node_modules/mustache"),
    symlink("usr/bin/mustache", "../lib/node_modules/mustache/bin/mustache"),
    text("etc/sample/greeting.json", '{ "greeting": "Hello", "name": "world" }\n'),
    text("etc/sample/greeting.mustache", "{{greeting}}, {{name}}!\n"),
    text(`${documents}/draft.txt`, "A draft, of which the next layer removes one of two names.\n"),
    hardLink(`${documents}/draft-copy.txt`, `${documents}/draft.txt`),
    text(`${documents}/history`, "A file that the next layer makes a directory.\n"),
    ...["one", "two", "three"].map((name) => text(`var/cache/sample/${name}`, `${name}\n`)),
  ]);
}

/** What a change does to the layers below: other content, removed names, an opaque directory, another file type. */
export function changesLayer(): ArchiveFile[] {
  const documents = "usr/share/doc/sample";
  const later = { ...sampleTime, seconds: sampleTime.seconds + 86_400 };
  return withParents([
    { ...text("etc/motd", "This is the top layer; it hides the file of the lowest one.\n"), mtime: later },
    { ...text("etc/sample/greeting.json", '{ "greeting": "Good morning", "name": "layers" }\n'), mtime: later },
    { ...directory("home/sample/", 0o750), uid: 1000, gid: 1000 },
    { ...text("home/sample/.profile", "export LANG=C.UTF-8\n"), uid: 1000, gid: 1000 },
    text(`${documents}/.wh.draft.txt`, ""),
    text(`${documents}/history/1.txt`, "Version 1: three layers.\n"),
    {
      ...text(`${documents}/größe.txt`, "A name beyond ASCII, a time with nanoseconds, an extended attribute.\n"),
      mtime: { ...later, nanoseconds: 123_456_789 },
      xattrs: { "user.mime_type": "text/plain" },
    },
    text("var/cache/sample/.wh..wh..opq", ""),
    text("var/cache/sample/four", "four\n"),
  ]);
}

/** The files, each directory above one of them put before it where it is not listed itself, as a build writes layers. */
function withParents(files: readonly ArchiveFile[]): ArchiveFile[] {
  const seen = new Set(files.filter(({ kind }) => kind === "directory").map(({ name }) => name));
  return files.flatMap((entry) => {
    const ends = [...entry.name.matchAll(/\//g)].map((slash) => slash.index + 1);
    const missing = ends.map((end) => entry.name.slice(0, end)).filter((parent) => !seen.has(parent));
    for (const parent of missing) seen.add(parent);
    return [...missing.map((parent) => directory(parent)), entry];
  });
}

/** The files of an installed package, sorted by path, owned by root, as the sample has them below `home`. */
function packageFiles(source: string, home: string): ArchiveFile[] {
  const entries = readdirSync(source, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const [from, to] = [join(source, entry.name), `${home}/${entry.name}`];
    if (entry.isDirectory()) return packageFiles(from, to);
    return [{ ...file(to, readFileSync(from)), mode: to.includes("/bin/") ? 0o755 : 0o644 }];
  });
}

function directory(name: string, mode = 0o755): ArchiveFile {
  return { name, kind: "directory", mode, mtime: sampleTime };
}

function file(name: string, content: Buffer): ArchiveFile {
  return { name, kind: "file", content, mode: 0o644, mtime: sampleTime };
}

function text(name: string, content: string): ArchiveFile {
  return file(name, Buffer.from(content));
}

function symlink(name: string, link: string): ArchiveFile {
  return { name, kind: "symlink", link, mode: 0o777, mtime: sampleTime };
}

function hardLink(name: string, link: string): ArchiveFile {
  return { name, kind: "hardlink", link, mode: 0o644, mtime: sampleTime };
}
