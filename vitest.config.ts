import { defineConfig, type ViteUserConfig } from "vitest/config";

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
