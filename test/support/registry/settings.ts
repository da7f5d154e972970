import type { RegistrySettings } from "../../../src/source/registry/settings.ts";

/** Settings that read nothing of the machine, and do not wait long before a request is repeated. */
export const QUIET_SETTINGS: RegistrySettings = {
  environment: {},
  certificateDirectories: [],
  dockerConfigDirectory: "/nonexistent",
  retry: { attempts: 3, firstWait: 1, longestWait: 5 },
  stallTimeout: 5_000,
};
