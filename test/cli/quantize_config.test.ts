import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../src/cli/quantize.ts';
import { bytesSource } from '../../src/gguf/bytes.ts';
import { openGguf } from '../../src/gguf/open.ts';
import { fixtures, randomGgufBytes } from '../fixtures/random_gguf.ts';
import { type Outcome, runHere } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'webgguf-config-'));
const input = join(folder, 'in-F32.gguf');
beforeAll(async () => writeFileSync(input, await randomGgufBytes(fixtures.f32)));
afterAll(() => rmSync(folder, { recursive: true }));

function runConfig(text: string): Promise<Outcome> {
  const path = join(folder, 'config.yaml');
  writeFileSync(path, text);
  return runHere(run, path);
}

async function outputType(path: string): Promise<string> {
  return (await openGguf(bytesSource(readFileSync(path)))).tensors.get('output.weight')!.type.name;
}

test('as quantool has it, into a folder that it makes', async () => {
  const { code, stdout } = await runConfig(`
model_id: "${input}"
tokenizer_name: null
cache_dir: null
use_auth_token: false
revision: null

method: "gguf"
quant_level: ["Q8_0", "bf16"]
# quantization_config is dictionary with quantization parameters
quantization_config:
  llama_cpp_path: null

output_path: "${folder}/new/folder"
push_to_hub: false
repo_id: null
private: null
seed: 42
verbose: true
report_to: null
log_level: "INFO"
save_logs: false
log_dir: "./logs"
enable_evaluation: false
eval_dataset: null
metrics: ["perplexity"]
`);
  const [q8, bf16] = [join(folder, 'new/folder/in-Q8_0.gguf'), join(folder, 'new/folder/in-BF16.gguf')];
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${q8}\n${bf16}\n` });
  expect(await outputType(q8)).toBe('Q8_0');
  expect(await outputType(bf16)).toBe('BF16');
});

const base = `model_id: "${input}"\nquant_level: Q8_0\noutput_path: "${folder}/named/x.gguf"\n`;

test('names the file itself', async () => {
  const { stdout } = await runConfig(`${base}method: gguf\nquantization_config: {}\n`);
  expect(stdout).toBe(`${folder}/named/x.gguf\n`);
});

test.each([
  [`${base}push_to_hub: true`, "push_to_hub: true can't be done here"],
  [`${base}revision: v2`, 'revision: "v2" can\'t be done here'],
  [`${base}save_logs: true`, "save_logs: true can't be done here"],
  [`${base}colour: red`, 'colour: this key is not known'],
  [`${base}method: gptq`, 'method: only "gguf" can be done here, not "gptq"'],
  [
    `${base}quantization_config: {llama_cpp_path: /opt}`,
    'quantization_config.llama_cpp_path: "/opt" can\'t be done here',
  ],
  [`${base}quantization_config: 8`, 'quantization_config: 8 is not a dictionary'],
  [base.replace('Q8_0', 'Q4_K_M'), 'quant_level: "Q4_K_M" can\'t be written here; F32, F16, Q8_0, BF16 can'],
  [base.replace('Q8_0', '[Q8_0, F16]'), 'output_path names one file, quant_level 2; name a folder'],
  [base.replace('Q8_0', '[]'), 'quant_level: names no type'],
  [base.replace(/model_id.*\n/, ''), 'model_id: is missing'],
  [base.replace(/model_id.*\n/, 'model_id: 3\n'), 'model_id: 3 is not a name'],
  [
    base.replace(/model_id.*\n/, 'model_id: amd/AMD-Llama-135m\n'),
    'model_id: "amd/AMD-Llama-135m" is no GGUF; name its path',
  ],
  ['- a\n- b', 'is not a YAML file of keys and values'],
  ['a: [1', 'Flow sequence in block collection'],
  ['a: 1\na: 2', 'Map keys must be unique'],
])('is refused by the key: %j', async (text, message) => {
  const { code, stderr } = await runConfig(text);
  expect([code, stderr]).toEqual([1, expect.stringContaining(`config.yaml: ${message}`)]);
  expect(stderr).not.toContain('\n');
});
