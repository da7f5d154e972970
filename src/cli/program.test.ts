import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { runCommand } from "../../test/support/command-line.ts";
import { LayerfsError } from "../core/errors.ts";
import { Interruption } from "./interruption.ts";
import { packageVersion } from "./version.ts";

describe("a wrong command line", () => {
  it.each([
    ["an unknown command", ["lod"], "layerfs: unknown command 'lod'\nhint: Did you mean load? see `layerfs --help`\n"],
    ["an unknown option", ["load", "--qiet"], "unknown option '--qiet'\nhint: Did you mean --quiet? see `layerfs load"],
    ["a missing argument", ["explain"], "missing required argument 'image'\nhint: see `layerfs explain --help`\n"],
    ["an argument too many", ["images", "a", "b"], "too many arguments for 'images'"],
    ["an unknown log level", ["images", "--log-level", "loud"], "argument 'loud' is invalid"],
    ["a storage option without value", ["images", "--storage-opt", "size"], 'expected KEY=VALUE, found "size"'],
    ["a form of output that is none", ["images", "--format", "yaml"], "expected table, json or a template"],
    ["a size that is none", ["load", "--max-layer-size", "big"], 'found "big"'],
    ["a bound that the command does not know", ["images", "--max-layer-size", "1GB"], "unknown option"],
    ["control characters", ["a\x1b[31m"], "unknown command 'a\\x1b[31m'"],
  ])("with %s ends with status 2 and a message", async (_, argv, expected) => {
    const { status, stdout, stderr, opened } = await runCommand(argv);
    expect({ status, stdout, opened }).toEqual({ status: 2, stdout: "", opened: [] });
    expect(stderr).toMatch(/^layerfs: /);
    expect(stderr).toContain(expected);
  });

  it("without a command prints the help on stderr", async () => {
    const { status, stdout, stderr } = await runCommand([]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("Usage: layerfs");
  });
});

describe("the global options", () => {
  const engine = { driver: "vfs", root: "/r", storageOptions: ["a=1", "b=2"], maxLayerSize: undefined };

  it.each([
    ["before", ["--root", "/r", "-s", "vfs", "--storage-opt", "a=1", "--storage-opt", "b=2", "images"]],
    ["after", ["images", "--root=/r", "--driver=vfs", "--storage-opt", "a=1", "--storage-opt=b=2"]],
    ["around", ["--storage-opt", "a=1", "-s", "aufs", "images", "-s", "vfs", "--storage-opt", "b=2", "--root", "/r"]],
  ])("may stand %s the verb", async (_, argv) => {
    expect((await runCommand(argv)).opened).toMatchObject([engine]);
  });

  it.each([
    ["10GB", 10e9],
    ["none", null],
  ])("bound the size of a layer with --max-layer-size %s", async (text, expected) => {
    const before = await runCommand(["--max-layer-size", text, "load"]);
    const after = await runCommand(["--max-layer-size", "1GB", "load", "--max-layer-size", text]);
    expect([...before.opened, ...after.opened].map((options) => options.maxLayerSize)).toEqual([expected, expected]);
  });

  it.each([[["--version"]], [["-v"]], [["load", "--version"]]])("print the version: %j", async (argv) => {
    expect(await runCommand(argv)).toMatchObject({ status: 0, stdout: `layerfs version ${packageVersion()}\n` });
  });
});

describe("a failure", () => {
  const notFound = new LayerfsError("NOT_FOUND", "image a\x1bb: not found", { hint: "see layerfs images" });
  const images = async (): Promise<never> => {
    throw notFound;
  };

  it("is told with its hint, control characters escaped, and ends with status 1", async () => {
    const { status, stdout, stderr, calls } = await runCommand(["images"], { engine: { images } });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toBe("layerfs: image a\\x1bb: not found\nhint: see layerfs images\n");
    expect(calls.at(-1)).toEqual(["close"]);
  });

  it.each([[["--format", "json", "images"]], [["images", "--format=json"]]])("is JSON on stderr: %j", async (argv) => {
    const { stdout, stderr } = await runCommand(argv, { engine: { images } });
    expect(stdout).toBe("");
    expect(JSON.parse(stderr)).toEqual({
      level: "error",
      code: "NOT_FOUND",
      message: "image a\x1bb: not found",
      hint: "see layerfs images",
    });
  });

  it("of the command line is JSON too where JSON is asked for", async () => {
    const { status, stderr } = await runCommand(["images", "--format", "json", "--nothing"]);
    expect(status).toBe(2);
    expect(JSON.parse(stderr)).toMatchObject({ code: "USAGE", message: "unknown option '--nothing'" });
  });

  it("to close the engine is told as well", async () => {
    const close = async (): Promise<never> => {
      throw new LayerfsError("SYSTEM", "cannot close");
    };
    const { status, stderr } = await runCommand(["images"], { engine: { images, [Symbol.asyncDispose]: close } });
    expect(status).toBe(1);
    expect(stderr).toContain("not found\n");
    expect(stderr).toContain("layerfs: cannot close\n");
  });

  it("that nobody foresaw is called an internal error, and shows where with --log-level debug", async () => {
    const broken = async (): Promise<never> => {
      throw new TypeError("x is undefined");
    };
    const { status, stderr } = await runCommand(["images", "--log-level", "debug"], { engine: { images: broken } });
    expect(status).toBe(1);
    expect(stderr).toContain("layerfs: internal error: x is undefined\nhint: ");
    expect(stderr).toContain("program.test.ts");
  });

  it("of the system is told in its words", async () => {
    const failure = Object.assign(new Error("ENOENT: no such file or directory, open 'x'"), {
      code: "ENOENT",
      syscall: "open",
    });
    const load = async (): Promise<never> => {
      throw failure;
    };
    const { stderr } = await runCommand(["load", "-i", "x"], { engine: { load } });
    expect(stderr).toBe("layerfs: ENOENT: no such file or directory, open 'x'\n");
  });
});

describe("an interrupted command", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("by %s waits for the engine to clean up and ends with status %i", async (name, expected) => {
    const controller = new AbortController();
    const cleaned: string[] = [];
    const { status, stdout, stderr, calls } = await runCommand(["unpack", "nginx", "dir"], {
      signal: controller.signal,
      engine: {
        async unpack(_image, _directory, options) {
          controller.abort(new Interruption(name));
          await new Promise((resolve) => setTimeout(resolve, 5));
          cleaned.push("unpack");
          throw new LayerfsError("CANCELLED", `stopped ${options?.signal?.aborted}`);
        },
      },
    });
    expect({ status, stdout, stderr }).toEqual({ status: expected, stdout: "", stderr: "layerfs: cancelled\n" });
    expect(cleaned).toEqual(["unpack"]);
    expect(calls.at(-1)).toEqual(["close"]);
  });

  it("that only reads does not wait for the answer", async () => {
    const controller = new AbortController();
    const { status, calls } = await runCommand(["images"], {
      signal: controller.signal,
      engine: {
        images: () => {
          controller.abort(new Interruption("SIGINT"));
          return new Promise(() => {});
        },
      },
    });
    expect(status).toBe(130);
    expect(calls.at(-1)).toEqual(["close"]);
  });

  it("that had finished its work is not called cancelled", async () => {
    const controller = new AbortController();
    const { status, stderr } = await runCommand(["mount", "nginx", "/mnt"], {
      signal: controller.signal,
      engine: {
        mount: async () => {
          controller.abort(new Interruption("SIGINT"));
          return "/mnt";
        },
      },
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});

describe("a reader that goes away", () => {
  it.each([["images"], ["cat"]])("ends %s quietly, the engine closed", async (name) => {
    const stdout = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error("write EPIPE"), { code: "EPIPE", syscall: "write" }));
      },
    });
    const argv = name === "cat" ? ["cat", "nginx", "/etc/hosts"] : [name];
    const { status, stderr, calls } = await runCommand(argv, { stdout });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(calls.at(-1)).toEqual(["close"]);
  });
});
