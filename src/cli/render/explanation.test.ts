import { describe, expect, it } from "vitest";
import { EXPLANATION, NOW } from "../../../test/support/command-line.ts";
import { renderExplanation } from "./explanation.ts";

const view = { fullInstructions: false, now: NOW };
const [lowest, topmost] = EXPLANATION.layers;

describe("renderExplanation", () => {
  it("draws the stack with the topmost layer first and the mount command last", () => {
    expect(renderExplanation(EXPLANATION, view)).toBe(
      [
        "nginx:latest",
        `manifest  ${EXPLANATION.manifests[0]}`,
        `image id  ${EXPLANATION.id}`,
        "linux/amd64, created 2 weeks ago, 2 layers, 2.48MB, driver overlay2",
        "",
        "┌ 2  COPY topmost / # buildkit",
        `│      diffID       ${topmost!.diffID}`,
        `│      chainID      ${topmost!.chainID}`,
        "│      cache-id     topmost",
        "│      directory    /root/overlay2/topmost/diff",
        "│      link         l/TOPMOST",
        "│      size         1.24MB",
        "└ 1  COPY lowest / # buildkit",
        `       diffID       ${lowest!.diffID}`,
        `       chainID      ${lowest!.chainID}`,
        "       cache-id     lowest",
        "       directory    /root/overlay2/lowest/diff",
        "       link         l/LOWEST",
        "       size         1.24MB",
        `       blob         ${lowest!.blobs[0]!.digest} in docker.io/library/nginx`,
        "       shared with  redis:7",
        "",
        "Joined by",
        "cd /root/overlay2 && mount -t overlay overlay -o lowerdir=l/TOPMOST:l/LOWEST TARGET",
        "",
      ].join("\n"),
    );
  });

  it("shows an image without names and layers", () => {
    const text = renderExplanation({ ...EXPLANATION, names: [], layers: [] }, view);
    expect(text).toContain("<none>\n");
    expect(text).toContain("0 layers, 0B");
  });

  it("keeps an instruction on one line and shortens it unless told otherwise", () => {
    const createdBy = `RUN <<EOF\n\t${"x".repeat(200)}\x1b[31m`;
    const explanation = { ...EXPLANATION, layers: [{ ...lowest!, createdBy }] };
    expect(renderExplanation(explanation, view)).toMatch(/^─ 1 {2}RUN <<EOF x{89}…$/m);
    expect(renderExplanation(explanation, { ...view, fullInstructions: true })).toMatch(/x{200}\\x1b\[31m$/m);
  });

  it("names images that share a layer, and by a short id those without a name", () => {
    const sharedWith = ["redis:7", `sha256:${"ab".repeat(32)}`];
    const explanation = { ...EXPLANATION, layers: [{ ...lowest!, sharedWith }] };
    expect(renderExplanation(explanation, view)).toContain("shared with  redis:7, abababababab\n");
  });

  it("says that the time is not known", () => {
    expect(renderExplanation({ ...EXPLANATION, created: null }, view)).toContain(", created at an unknown time, ");
  });

  it("says so where the history does not tell the instruction", () => {
    const explanation = { ...EXPLANATION, layers: [{ ...lowest!, createdBy: null }] };
    expect(renderExplanation(explanation, view)).toContain("(no instruction recorded)");
  });

  it("shows what an archive tells, where nothing is mounted", () => {
    const outside = { cacheID: null, size: null, directory: null, link: null, storedSize: 500, sharedWith: [] };
    const layers = EXPLANATION.layers.map((layer) => ({ ...layer, ...outside }));
    const place = { source: "docker-archive:a.tar", driver: null, mountCommand: null, shortMountCommand: null };
    const text = renderExplanation({ ...EXPLANATION, ...place, layers }, view);
    expect(text).toContain("2 layers, 1kB, in docker-archive:a.tar\n");
    expect(text).toContain("stored size  500B\n");
    expect(text).not.toMatch(/cache-id|directory {2}|Joined by/);
    expect(text).toContain("Not in the store");
  });

  it("says what is missing", () => {
    const layers = [{ ...lowest!, directory: null, link: null }];
    const broken = { layers, mountCommand: null, shortMountCommand: null, problems: ["/root/x is missing"] };
    const text = renderExplanation({ ...EXPLANATION, ...broken }, view);
    expect(text).toContain("directory    (missing)\n");
    expect(text).toContain("Nothing to mount.\n\nProblem: /root/x is missing\n");
  });

  it("tells of a path what each layer does to it, and where its files are", () => {
    const node = { kind: "file", mode: 0o644, size: 12, linkTarget: null } as const;
    const put = { effect: "put", by: null, node } as const;
    const path = Buffer.from("/etc/a\n");
    const there = { path, layer: 0, steps: [put, { effect: "untouched", by: null, node }] } as const;
    expect(
      renderExplanation({ ...EXPLANATION, path: there }, view)
        .split("\n")
        .slice(4, -1),
    ).toEqual([
      "",
      "/etc/a\\x0a is a file, as layer 1 has it",
      "┌ 2  untouched           COPY topmost / # buildkit",
      "└ 1  put: file 0644 12B  COPY lowest / # buildkit",
      "       /root/overlay2/lowest/diff/etc/a\\x0a",
    ]);
    const gone = {
      path,
      layer: null,
      steps: [put, { effect: "deleted", by: Buffer.from("/etc"), node: null }],
    } as const;
    const text = renderExplanation({ ...EXPLANATION, path: gone }, view);
    expect(text).toContain("is not in the image any more\n┌ 2  deleted by the whiteout of /etc  COPY");
  });
});
