import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    passWithNoTests: true,
    restoreMocks: true,
    // One line a file: pytest's summary, printed after this, is what a reader looks for.
    reporters: ["default"],
  },
});
