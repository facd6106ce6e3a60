/** Vitest reporter: closes the output with the one line that CI counts by, `N passed, N failed, N skipped`. */
import type { Reporter, SerializedError, TestModule, TestRunEndReason } from 'vitest/node';

export default class CiReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[], reason: TestRunEndReason): void {
    const line = closingLine(modules, errors, reason);
    // Vitest's own summary and late warnings come first.
    process.once('exit', () => process.stdout.write(`\n${line}\n`));
  }
}

/** A file that can't be loaded, a hook that fails, an error outside any test and an interruption count as one failure each. */
export function closingLine(
  modules: readonly TestModule[],
  errors: readonly SerializedError[],
  reason: TestRunEndReason,
): string {
  const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
  const count = (state: string) => states.filter((each) => each === state).length;
  const groups = modules.flatMap((module) => [module, ...module.children.allSuites()]);
  const broken = groups.filter((group) => group.errors().length > 0).length;
  const interrupted = reason === 'interrupted' ? 1 : 0;
  const failed = count('failed') + count('pending') + broken + errors.length + interrupted;
  return `${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped`;
}
