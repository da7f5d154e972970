import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratchDirectory } from "../../test/support/scratch.ts";
import { nameFile, openNamelessFile } from "./nameless-file.ts";

describe("a file without a name", () => {
  it("is in no directory until it is named, and then whole", async () => {
    const directory = scratchDirectory();
    await using file = await openNamelessFile(directory, 0o640);
    await file!.write("content");
    expect(readdirSync(directory)).toEqual([]);
    nameFile(file!, join(directory, "file"));
    expect(readFileSync(join(directory, "file"), "utf8")).toBe("content");
    expect(statSync(join(directory, "file")).mode & 0o777).toBe(0o640);
  });

  it("takes no name that is there", async () => {
    const directory = scratchDirectory();
    writeFileSync(join(directory, "file"), "old");
    await using file = await openNamelessFile(directory, 0o600);
    expect(() => nameFile(file!, join(directory, "file"))).toThrow(expect.objectContaining({ errno: "EEXIST" }));
    expect(readFileSync(join(directory, "file"), "utf8")).toBe("old");
  });

  it("is not made in a directory that is absent", async () => {
    await expect(openNamelessFile("/proc/no-directory", 0o600)).rejects.toMatchObject({ code: "ENOENT" });
  });
});
