/** `node command_process.ts NAME …`: runs src/cli/NAME.ts as main.ts does; stderr's last line tells what it used. */
const [name, ...args] = process.argv.slice(2);
const { run } = await import(`../../src/cli/${name}.ts`);
const controller = new AbortController();
process.once('SIGINT', () => controller.abort(new Error('interrupted')));
process.once('SIGTERM', () => process.exit(143));
process.exitCode = await run(args, controller.signal);
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
console.error(JSON.stringify({ maxRssBytes: maxRSS * 1024, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6 }));
