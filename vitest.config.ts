import { join } from "node:path";
import { defineConfig, type ViteUserConfig } from "vitest/config";

// The threads of the tests run TypeScript. Without a cache each of them would start a compiler of its own to strip its
// types, in WebAssembly, and V8 aborts now and then where threads compile such and end (nodejs/node issue 64500).
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, "node_modules/.cache/layerfs-tests");

const config: ViteUserConfig = defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"],
    globalSetup: ["test/support/cache-home.ts"],
    pool: "forks",
    reporters: ["default", "./test/support/reporter.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});

export default config;
