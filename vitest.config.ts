import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{app,core,plugins,proto,services,test/api,test/stories,test/house}/**/*.test.ts"],
          globalSetup: ["test/support/database-server.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "real",
          include: ["test/{conformance,faults}/**/*.test.ts"],
          globalSetup: ["test/support/database-server.ts"],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          maxWorkers: 1,
        },
      },
    ],
  },
});
