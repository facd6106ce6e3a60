/** `node command_process.ts NAME …`: runs src/cli/NAME.ts as main.ts does; stderr's last line is the largest resident size. */
const [name, ...args] = process.argv.slice(2);
const { run } = await import(`../../src/cli/${name}.ts`);
const controller = new AbortController();
process.once('SIGINT', () => controller.abort(new Error('interrupted')));
process.once('SIGTERM', () => process.exit(143));
process.exitCode = await run(args, controller.signal);
console.error(process.resourceUsage().maxRSS * 1024);
