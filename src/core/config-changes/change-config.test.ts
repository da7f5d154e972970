import { describe, expect, it } from "vitest";
import { BAD_CHANGES, GOOD_CHANGES } from "../../../test/corpus/config-changes.ts";
import { normaliseRunConfig } from "../run-config.ts";
import { changeConfig } from "./change-config.ts";

describe("a change to a config", () => {
  it.each(GOOD_CHANGES)("%j does what Docker does", (changes, fields) => {
    expect(normaliseRunConfig(changeConfig({}, changes))).toEqual(normaliseRunConfig(fields));
  });

  it.each(BAD_CHANGES)("%j is refused in Docker's words", (changes, message) => {
    expect(() => changeConfig({}, changes)).toThrow(expect.objectContaining({ code: "INVALID_CONFIG", message }));
  });

  it("leaves what it does not name as it was, and the old config too", () => {
    const config = { Env: ["PATH=/bin", "A=1"], Cmd: ["sh"], WorkingDir: "/srv", Labels: { a: "1" }, Unknown: true };
    const before = structuredClone(config);
    expect(changeConfig(config, ["ENV A=$PATH:/x", "WORKDIR app", "LABEL b=2", "EXPOSE 80"])).toEqual({
      ...before,
      Env: ["PATH=/bin", "A=/bin:/x"],
      WorkingDir: "/srv/app",
      Labels: { a: "1", b: "2" },
      ExposedPorts: { "80/tcp": {} },
    });
    expect(config).toEqual(before);
  });

  it("of the entrypoint clears a command that was there, but not one that is changed too", () => {
    expect(changeConfig({ Cmd: ["sh"] }, ['ENTRYPOINT ["a"]'])).toEqual({ Cmd: null, Entrypoint: ["a"] });
    expect(changeConfig({ Cmd: ["sh"] }, ["CMD b", 'ENTRYPOINT ["a"]'])).toMatchObject({ Cmd: ["/bin/sh", "-c", "b"] });
  });

  it("takes the shell of the config for the shell form", () => {
    expect(changeConfig({ Shell: ["/bin/bash", "-ec"] }, ["CMD ls"])).toMatchObject({
      Cmd: ["/bin/bash", "-ec", "ls"],
    });
  });

  it.each(["SIGTERM", "9", "SIGRTMIN+3", "kill"])("takes the signal %s, as Docker since version 23", (signal) => {
    expect(changeConfig({}, [`STOPSIGNAL ${signal}`])).toEqual({ StopSignal: signal });
  });

  it.each(["", "foo", "65", "SIGRTMIN+16"])("refuses the signal %j", (signal) => {
    expect(() => changeConfig({}, [`STOPSIGNAL ${signal}`])).toThrow(
      expect.objectContaining({ code: "INVALID_CONFIG" }),
    );
  });

  it("names what is allowed where something is not", () => {
    expect(() => changeConfig({}, ["RUN x"])).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("CMD") }),
    );
  });
});
