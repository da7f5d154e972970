import { describe, expect, it } from "vitest";
import { type Digest, digestHex, digestOf } from "../core/digest.ts";
import { planRemoval, type RemovalOptions, type RemovalState } from "./removal.ts";

const [grandparent, parent, image] = ["grandparent", "parent", "image"].map((name) => digestOf(name)) as [
  Digest,
  Digest,
  Digest,
];
const short = (id: Digest): string => digestHex(id).slice(0, 12);
const manifest = digestOf("manifest");
const plain: RemovalOptions = { force: false, prune: true };
const force: RemovalOptions = { force: true, prune: true };

interface Given {
  readonly names?: Readonly<Record<string, Digest>>;
  readonly parents?: readonly (readonly [child: Digest, parent: Digest])[];
  readonly container?: { readonly of: Digest; readonly running: boolean };
  readonly mounted?: Digest;
}

function state({ names = {}, parents = [], container, mounted }: Given): RemovalState {
  const repositories = new Map<string, Map<string, Digest>>();
  for (const [name, id] of Object.entries(names)) {
    const repository = name.split(/[:@]/, 1)[0] ?? "";
    repositories.set(repository, (repositories.get(repository) ?? new Map()).set(name, id));
  }
  return {
    repositories,
    parents: new Map(parents),
    containersOf: (id) => (container?.of === id ? [{ id: "c".repeat(64), running: container.running }] : []),
    mountedOn: (id) => (mounted === id ? "/mnt" : null),
  };
}

/** The plan for a name or an id, one word a step. */
function plan(given: Given, text: string, options: RemovalOptions): string[] {
  const id = given.names?.[text];
  const tag = id === undefined ? null : { repository: text.split(/[:@]/, 1)[0] ?? "", name: text, id };
  const target = id ?? ([grandparent, parent, image].find((each) => short(each) === text) as Digest);
  return planRemoval(state(given), { id: target, tag }, text, options).map((action) =>
    action.kind === "untag" ? action.tag.name : action.id,
  );
}

describe("the plan of a removal", () => {
  it("takes one of several names away, and with the last one the image", () => {
    const names = { "a:1": image, "a:2": image };
    expect(plan({ names }, "a:1", plain)).toEqual(["a:1"]);
    expect(plan({ names: { "a:1": image } }, "a:1", plain)).toEqual(["a:1", image]);
  });

  it("takes a repository's digests away with its last tag", () => {
    const digest = `a@${manifest}`;
    const names = { "a:1": image, [digest]: image, [`b@${manifest}`]: image };
    expect(plan({ names }, "a:1", plain)).toEqual(["a:1", digest]);
    expect(plan({ names: { ...names, "a:2": image } }, "a:1", plain)).toEqual(["a:1"]);
    expect(plan({ names }, digest, plain)).toEqual([digest]);
  });

  it("removes by id an image with names in one repository's single tag, and with force any number of them", () => {
    expect(plan({ names: { "a:1": image, [`a@${manifest}`]: image } }, short(image), plain)).toEqual([
      "a:1",
      `a@${manifest}`,
      image,
    ]);
    expect(plan({ names: { "b:1": image, "a:1": image } }, short(image), force)).toEqual(["a:1", "b:1", image]);
  });

  it("removes parents that nothing needs any more, unless they are to stay", () => {
    const parents = [
      [image, parent],
      [parent, grandparent],
    ] as const;
    expect(plan({ parents }, short(image), plain)).toEqual([image, parent, grandparent]);
    expect(plan({ parents }, short(image), { ...plain, prune: false })).toEqual([image]);
    expect(plan({ parents, names: { "a:1": parent } }, short(image), plain)).toEqual([image]);
    expect(plan({ parents, mounted: grandparent }, short(image), plain)).toEqual([image, parent]);
    expect(plan({ parents, container: { of: grandparent, running: false } }, short(image), plain)).toEqual([
      image,
      parent,
    ]);
    const sibling = [digestOf("sibling"), grandparent] as const;
    expect(plan({ parents: [...parents, sibling] }, short(image), plain)).toEqual([image, parent]);
  });

  it("keeps an image that loses its last name while children or a running container need it", () => {
    const names = { "a:1": image };
    expect(plan({ names, parents: [[digestOf("child"), image]] }, "a:1", plain)).toEqual(["a:1"]);
    expect(plan({ names, container: { of: image, running: true } }, "a:1", force)).toEqual(["a:1"]);
    expect(plan({ names, container: { of: image, running: false } }, "a:1", force)).toEqual(["a:1", image]);
  });

  it("ends where parents go in a circle, which only a damaged store has", () => {
    const parents = [
      [image, parent],
      [parent, image],
    ] as const;
    expect(() => plan({ parents }, short(image), force)).toThrow("dependent child images");
  });

  const stopped = { container: { of: image, running: false } };
  const running = { container: { of: image, running: true } };
  const child = { parents: [[digestOf("child"), image] as const] };
  const twoNames = { names: { "a:1": image, "b:1": image } };
  const id = short(image);
  it.each([
    ["several names", twoNames, id, plain, `unable to delete ${id} (must be forced) - image is referenced in multiple`],
    ["a child", child, id, force, `unable to delete ${id} (cannot be forced) - image has dependent child images`],
    ["a running container", running, id, force, "(cannot be forced) - image is being used by running container cccc"],
    ["a stopped container", stopped, id, plain, "(must be forced) - image is being used by stopped container cccc"],
    [
      "a container of its last name",
      { ...stopped, names: { "a:1": image } },
      "a:1",
      plain,
      `unable to remove repository reference "a:1" (must force) - container cccccccccccc is using its referenced image ${id}`,
    ],
    ["a mount", { mounted: image }, id, force, "(cannot be forced) - image is mounted on /mnt"],
  ] as const)("refuses an image with %s, in Docker's words", (_, given, text, options, message) => {
    expect(() => plan(given, text, options)).toThrow(
      expect.objectContaining({ code: "CONFLICT", message: expect.stringContaining(message) }),
    );
  });
});
