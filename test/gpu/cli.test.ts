/** The commands that run a model, in processes of their own, as people call them. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateOptions } from '../../src/cli/generate_options.ts';
import { fixtures, randomGgufBytes } from '../fixtures/random_gguf.ts';
import { hasSharedData, readExpected, sharedData } from '../fixtures/shared_data.ts';
import { adapterName } from './adapter.ts';

const main = join(import.meta.dirname, '../../src/cli/main.ts');

/** Dawn's own remarks on the driver are not the command's words. */
async function webgguf(...args: string[]) {
  const done = promisify(execFile)(process.execPath, [main, ...args], { maxBuffer: 2 ** 26 });
  const { stdout, stderr, code = 0 } = await done.catch((error) => error);
  const lines = (stderr as string).split('\n').filter((line) => line !== '' && !line.startsWith('Warning: max'));
  return { code: code as number, stdout: stdout as string, lines };
}

const folder = mkdtempSync(join(tmpdir(), 'webgguf-cli-'));
const model = join(folder, 'model.gguf');
beforeAll(async () => writeFile(model, await randomGgufBytes(fixtures.alia)));
afterAll(() => rmSync(folder, { recursive: true }));

test('every sampling option arrives', () => {
  const numbers = { temperature: '0', 'top-k': '20', 'top-p': '.9', 'min-p': '0.01', 'typical-p': '0.95', seed: '1' };
  const penalties = {
    'repeat-penalty': '1.1',
    'repeat-last-n': '-1',
    'frequency-penalty': '2',
    'presence-penalty': '-1',
  };
  const others = { n: '5', 'logit-bias': ['30=100', '7=-.5'], stop: ['\n', 'a=b'] };
  expect(generateOptions({ ...numbers, ...penalties, ...others })).toEqual({
    ...{ temperature: 0, topK: 20, topP: 0.9, minP: 0.01, typicalP: 0.95, seed: 1 },
    ...{ repeatPenalty: 1.1, repeatLastN: -1, frequencyPenalty: 2, presencePenalty: -1 },
    ...{
      maxTokens: 5,
      logitBias: new Map([
        [30, 100],
        [7, -0.5],
      ]),
      stop: ['\n', 'a=b'],
    },
  });
  expect(generateOptions({})).toEqual({});
});

describe.runIf(adapterName === 'lavapipe')('generate and logits', () => {
  test('answers of a given form', async () => {
    const grammar = join(folder, 'grammar.gbnf');
    await writeFile(grammar, 'root ::= [a-c]{4} "."');
    const schema = '{"type":"integer","minimum":3,"maximum":5}';
    const args = ['generate', '-m', model, '-p', 'Hello', '--quiet'];
    expect((await webgguf(...args, '--grammar-file', grammar)).stdout).toMatch(/^[abc]{4}\.\n$/);
    expect((await webgguf(...args, '--json-schema', schema)).stdout).toMatch(/^[345]\n$/);
    expect((await webgguf(...args, '--regex', 'x{3}')).stdout).toBe('xxx\n');
    const refused = await webgguf(...args, '--json-schema', '{"not":{}}');
    expect(refused).toMatchObject({ code: 1, lines: ['error: JSON schema: not cannot be enforced'] });
    const both = await webgguf(...args, '--regex', 'a', '--json-schema', schema);
    expect([both.code, both.lines[0]]).toEqual([2, 'an answer has one form: --grammar-file, --json-schema or --regex']);
  });

  test('--json prints one object, and a seed repeats itself', async () => {
    const args = ['generate', '-m', model, '-p', 'Hello', '-n', '8', '--seed', '7', '--temperature', '1', '--json'];
    const [first, second] = [await webgguf(...args), await webgguf(...args)];
    const result = JSON.parse(first.stdout);
    expect(first.code).toBe(0);
    expect(Object.keys(result)).toEqual(['prompt_tokens', 'generated_tokens', 'text', 'stop_reason', 'stats']);
    expect(['eos', 'length']).toContain(result.stop_reason);
    expect(JSON.parse(second.stdout).generated_tokens).toEqual(result.generated_tokens);
  });

  test('the text ends before --stop; biases and penalties have their effect', async () => {
    const args = ['generate', '-m', model, '-p', 'Hello', '-n', '12', '--temperature', '0', '--json'];
    const plain = JSON.parse((await webgguf(...args)).stdout);
    const word = plain.text.slice(2, 5);
    const stopped = JSON.parse((await webgguf(...args, '--stop', 'no such text', '--stop', word)).stdout);
    expect(stopped).toMatchObject({ stop_reason: 'stop', text: plain.text.slice(0, plain.text.indexOf(word)) });
    expect(plain.generated_tokens.slice(0, stopped.generated_tokens.length)).toEqual(stopped.generated_tokens);

    const only = await webgguf(...args, '--logit-bias', '30=100', '--logit-bias', `${plain.generated_tokens[0]}=-100`);
    expect(new Set(JSON.parse(only.stdout).generated_tokens)).toEqual(new Set([30]));
    const penalties = ['--repeat-penalty', '1.1', '--repeat-last-n=-1', '--presence-penalty=-0.5'];
    const { code, stdout } = await webgguf(...args, ...penalties, '--frequency-penalty', '2');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).generated_tokens).not.toEqual(plain.generated_tokens);
  });

  test('logits writes float32 rows, one per token', async () => {
    const out = join(folder, 'out.f32');
    const { code } = await webgguf('logits', '-m', model, '--tokens', '1,20,30', '--precision', 'exact', '-o', out);
    expect(code).toBe(0);
    const rows = new Float32Array(new Uint8Array(await readFile(out)).buffer);
    expect(rows).toHaveLength(3 * 331);
    expect(rows.every(Number.isFinite)).toBe(true);
  });

  test('perplexity --json prints one object', async () => {
    const text = join(folder, 'text.txt');
    await writeFile(text, 'Once upon a time there was a little model. '.repeat(20));
    const { code, stdout } = await webgguf('perplexity', '-m', model, '-f', text, '--window', '64', '--json');
    expect(code).toBe(0);
    const { perplexity, windows, ...others } = JSON.parse(stdout);
    expect(perplexity).toBeGreaterThan(1);
    expect(others).toMatchObject({ windowLength: 64, skip: 32, tokens: windows * 31, precision: 'fast' });
  });

  test('bench --json prints one object, and --svg two pictures', async () => {
    const svg = join(folder, 'svg');
    const sizes = ['-p', '16', '-n', '4', '-d', '0,32,1000000', '-r', '1'];
    const { code, stdout } = await webgguf('bench', '-m', model, ...sizes, '--svg', svg, '--json');
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result.prefill).toMatchObject({ tokens: 16, tokensPerSecond: expect.any(Number) });
    expect(result.decode).toMatchObject({ tokens: 4, bandwidthFraction: expect.any(Number) });
    expect(result.depths.map(({ depth }: { depth: number }) => depth)).toEqual([0, 32]);
    expect(result.kernels.reduce((sum: number, { share }: { share: number }) => sum + share, 0)).toBeCloseTo(1, 6);
    for (const key of ['copyBandwidth', 'memoryBandwidth', 'dispatchesPerToken', 'encodeMillisecondsPerToken']) {
      expect(result[key], key).toBeGreaterThan(0);
    }
    expect(result.load.milliseconds).toBeGreaterThan(0);
    expect(result.adapter.description).toMatch(/llvmpipe/);
    for (const picture of ['roofline.svg', 'depth.svg']) {
      expect(await readFile(join(svg, picture), 'utf8')).toMatch(/^<svg .*<circle .*<\/svg>\n$/s);
    }
  });

  test.each([
    [['generate'], 2, /name the model with -m/],
    [['bench', '-m', model, '-d', '0,x'], 2, /-d takes whole numbers divided by commas, not "0,x"/],
    [['bench', '-m', model, '-p', '1000000', '--quiet'], 1, /the context holds \d+ tokens, too few for 1000000/],
    [['perplexity', '-m', model], 2, /name the text with -f/],
    [['perplexity', '-m', model, '-f', 'absent.txt'], 1, /absent\.txt/],
    [['generate', '-m', model, '-n', 'many'], 2, /-n takes a number/],
    [['generate', '-m', model, '--top-p', '1.5'], 2, /--top-p takes a number from 0 to 1, not "1.5"/],
    [['generate', '-m', model, '--top-k', 'few'], 2, /--top-k takes a whole number from 0 on, not "few"/],
    [['generate', '-m', model, '--presence-penalty', '-1'], 2, /--presence-penalty' argument is ambiguous/],
    [['generate', '-m', model, '--logit-bias', '5'], 2, /--logit-bias takes a token's id and what to add/],
    [['generate', '-m', model, '--logit-bias', '5=500'], 2, /--logit-bias 5= takes a number from -100 to 100/],
    [['generate', '-m', model, '--logit-bias', '999=5'], 1, /logitBias’s token takes a whole number from 0 to 330/],
    [['generate', '-m', model, '--stop', ''], 2, /--stop takes a text that is not empty/],
    [['generate', '-m', model, '--nonsense'], 2, /--nonsense/],
    [['generate', '-m', join(folder, 'absent.gguf')], 1, /absent\.gguf/],
    [['generate', '-m', model, '--tokens', '1,999'], 1, /token 999 is not in the vocabulary of 331/],
    [['generate', '-m', model, '--adapter', 'GeForce'], 1, /no adapter named "GeForce": this machine has .*llvmpipe/],
    [['generate', '-m', model, '--gpu-memory', '10KiB'], 1, /need 2 MiB of GPU memory/],
    [
      ['generate', '-m', model, '-p', 'a '.repeat(400), '--context', '256'],
      1,
      /the prompt has \d+ tokens and the context holds 256/,
    ],
    [
      ['generate', '-m', model, '--without', 'rms_norm subgroup'],
      2,
      /--without names a kernel's variant, not "rms_norm subgroup"; there are rms_norm subgroups, rms_norm base$/,
    ],
    [
      ['generate', '-m', model, '--without', 'rms_norm subgroups', '--without', 'rms_norm base'],
      1,
      /kernel rms_norm: no variant for .* is left on this device, without "rms_norm subgroups", "rms_norm base"$/,
    ],
    [['doctor', '--kernel', 'rms'], 2, /^--kernel is repack or .* or \w+, not "rms"$/],
    [['nonsense'], 2, /there is no command "nonsense"/],
  ])('%j exits %i with a clear line', async (args, code, message) => {
    const outcome = await webgguf(...args);
    expect(outcome).toMatchObject({ code, stdout: '' });
    expect(outcome.lines[0]).toMatch(message);
    if (code === 1) expect(outcome.lines).toHaveLength(1);
  });
});

describe.runIf(adapterName === 'lavapipe')('doctor', () => {
  test('--json prints one object; --without leaves a variant out', async () => {
    const args = ['doctor', '--kernel', 'rms_norm', '--json', '--without', 'rms_norm subgroups'];
    const { code, stdout } = await webgguf(...args);
    const { adapter, features, limits, kernels, ...others } = JSON.parse(stdout);
    expect(code).toBe(0);
    const tuning = { place: null, races: {}, dropped: {} };
    expect(others).toEqual({ tuning, without: ['rms_norm subgroups'], model: null, ok: true });
    expect(adapter.description).toMatch(/llvmpipe/);
    expect(features).toContain('dp4a');
    expect(limits.maxBufferSize).toBeGreaterThan(0);
    for (const kernel of kernels) {
      expect(kernel).toMatchObject({ name: 'rms_norm', variant: 'base', ok: true, error: null });
    }
    expect(kernels.length).toBeGreaterThan(1);
  });
});

describe.runIf(adapterName === 'lavapipe' && hasSharedData)('real models', () => {
  test('greedy text is llama.cpp’s', async () => {
    const expected = await readExpected('stories260K-f32.once');
    const file = sharedData('models/stories260K-f32.gguf');
    const flags = ['-p', expected.prompt, '-n', '24', '--temperature', '0', '--precision', 'exact', '--json'];
    const { stdout } = await webgguf('generate', '-m', file, ...flags);
    const result = JSON.parse(stdout);
    expect(result.prompt_tokens).toEqual(expected.promptTokens);
    expect(result.generated_tokens).toEqual(expected.generatedTokens.slice(0, 24));
  });

  test.each([
    ['models/stories260K-untied-ff192-q4_0.gguf', /tensor .* is of type Q4_0, which no kernel reads yet/],
    ['gguf-odd/weight-inspect-tiny.gguf', /weight-inspect-tiny\.gguf/],
    ['gguf-odd/weight-inspect-empty.gguf', /./],
    ['gguf-odd/wgml-dummy.gguf', /./],
    ['gguf-odd/llama-gguf-example.gguf', /./],
    ['models/split/stories260K-untied-ff192-q8_0-00002-of-00003.gguf', /./],
  ])('%s: one clear line and exit 1', async (file, message) => {
    const { code, stdout, lines } = await webgguf('generate', '-m', sharedData(file), '-p', 'Once', '-n', '4');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(message);
  });
});
