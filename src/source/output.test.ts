import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { fileOutput, streamOutput } from "./output.ts";

describe("a file that is written", () => {
  it("appears when it is committed, for its owner alone", async () => {
    const directory = scratchDirectory();
    await using output = await fileOutput(join(directory, "file"));
    await output.write(Buffer.from("con"));
    await output.write(Buffer.from("tent"));
    // A process that is killed leaves nothing.
    expect(readdirSync(directory)).toEqual([]);
    await output.commit();
    expect(readdirSync(directory)).toEqual(["file"]);
    expect(readFileSync(join(directory, "file"), "utf8")).toBe("content");
    expect(statSync(join(directory, "file")).mode & 0o777).toBe(0o600);
  });

  it("leaves what was there, and nothing else, where it is given up", async () => {
    const directory = scratchDirectory();
    writeFileSync(join(directory, "file"), "old");
    {
      await using output = await fileOutput(join(directory, "file"));
      await output.write(Buffer.from("new"));
    }
    expect(readdirSync(directory)).toEqual(["file"]);
    expect(readFileSync(join(directory, "file"), "utf8")).toBe("old");
  });

  it("is written where a symlink leads", async () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, "real"));
    writeFileSync(join(directory, "real/file"), "old");
    symlinkSync("real/file", join(directory, "link"));
    await using output = await fileOutput(join(directory, "link"));
    await output.write(Buffer.from("new"));
    await output.commit();
    expect(readFileSync(join(directory, "real/file"), "utf8")).toBe("new");
    expect(readdirSync(directory).sort()).toEqual(["link", "real"]);
  });

  it.each([
    ["absent/file", "directory PLACE/absent does not exist"],
    ["plain/file", "directory PLACE/plain does not exist"],
    [".", "it is a directory"],
  ])("is refused at %s", async (path, problem) => {
    const place = scratchDirectory();
    writeFileSync(join(place, "plain"), "");
    await expect(fileOutput(`${place}/${path}`)).rejects.toMatchObject({
      code: "USAGE",
      message: `invalid output path ${place}/${path}: ${problem.replace("PLACE", place)}`,
    });
  });
});

describe("a stream", () => {
  it("stays open", async () => {
    const stream = new PassThrough();
    await using output = streamOutput(stream);
    await output.write(Buffer.from("a"));
    await output.commit();
    expect(stream.writableEnded).toBe(false);
    expect(stream.read().toString()).toBe("a");
  });

  it("tells of a reader that is gone", async () => {
    const gone = Object.assign(new Error("write EPIPE"), { code: "EPIPE", errno: -32, syscall: "write" });
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(gone) });
    stream.on("error", () => {});
    await using output = streamOutput(stream);
    await expect(output.write(Buffer.from("b"))).rejects.toThrow("cannot write the archive: EPIPE");
  });
});
