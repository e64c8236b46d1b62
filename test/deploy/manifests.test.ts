import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { runCommand } from '../../agent/commands/run.ts';
import { detectors } from '../../detectors/catalogue.ts';
import { parsePolicy } from '../../policies/load.ts';

const deploy = path.join(import.meta.dirname, '../../deploy');

// biome-ignore lint/suspicious/noExplicitAny: a manifest's shape is what is tested here
type Manifest = any;

function documents(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(path.join(deploy, file), 'utf8')).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS();
  });
}

function mistakesIn(policy: string): string[] {
  const known = new Map(detectors.map((detector) => [detector.type, detector]));
  return parsePolicy(policy, 'policy.yaml', { detectors: known, own: [{ host: '0.0.0.0', port: 8080 }] }).mistakes.map(
    ({ line, path, message }) => `${line} ${path} ${message}`,
  );
}

/** `127.0.0.1:8080` → 8080, as `driftline run` has it by default. */
function defaultPort(option: string): number {
  const found = runCommand().options.find((one) => one.long === option);
  return Number(String(found?.defaultValue).split(':')[1]);
}

const sidecar = documents('kubernetes/sidecar.yaml');
const byKind = (kind: string) => sidecar.find((document) => document.kind === kind);
const pod = byKind('Deployment').spec.template.spec;
const driftline = pod.initContainers[0];

t.test('Driftline is a native sidecar: started before the model server, ended after it', async (t) => {
  t.equal(driftline.restartPolicy, 'Always');
  t.ok(pod.containers.every((container: Manifest) => container.name !== 'driftline'));
  // The drain (10 s) and the last deliveries (5 s) come after the model server's own end.
  t.ok(pod.terminationGracePeriodSeconds >= 30);
});

t.test('the ports are those of the program, and everything that names one exists', async (t) => {
  const ports = new Map(driftline.ports.map((port: Manifest) => [port.name, port.containerPort]));
  t.equal(ports.get('http'), defaultPort('--listen'));
  t.equal(ports.get('metrics'), defaultPort('--admin'));
  t.match(driftline.args.join(' '), /--listen 0\.0\.0\.0:8080 --admin 0\.0\.0\.0:9090/);
  for (const { targetPort } of byKind('Service').spec.ports) t.ok(ports.has(targetPort), targetPort);
  for (const { port } of documents('kubernetes/podmonitor.yaml')[0].spec.podMetricsEndpoints) t.ok(ports.has(port), port);
});

t.test('the startup probe does not ask for the model server, which starts after it; the readiness probe does', async (t) => {
  t.same(driftline.startupProbe.httpGet, { path: '/livez', port: 'metrics' });
  t.same(driftline.readinessProbe.httpGet, { path: '/readyz', port: 'metrics' });
  t.same(driftline.livenessProbe.httpGet, { path: '/livez', port: 'metrics' });
});

t.test('it runs under the restricted pod security standard with a read-only root', async (t) => {
  t.match(driftline.securityContext, {
    runAsNonRoot: true,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
  });
  t.ok(driftline.securityContext.runAsUser >= 10_000, 'no user of the host');
  t.equal(pod.securityContext.seccompProfile.type, 'RuntimeDefault');
  t.equal(pod.automountServiceAccountToken, false);
  t.notOk(driftline.resources.limits.cpu, 'throttling would delay predictions');
});

t.test('every mount has its volume; the policy is mounted as a folder and the state has a limit', async (t) => {
  const volumes = new Map(pod.volumes.map((volume: Manifest) => [volume.name, volume]));
  for (const mount of driftline.volumeMounts) {
    t.ok(volumes.has(mount.name), mount.name);
    t.notOk(mount.subPath, 'Kubernetes never updates a subPath');
  }
  t.equal(pod.volumes.find((volume: Manifest) => volume.name === 'policy').configMap.name, byKind('ConfigMap').metadata.name);
  t.ok(pod.volumes.find((volume: Manifest) => volume.name === 'state').emptyDir.sizeLimit);
});

t.test('the policies have no mistake, and each secret they name is mounted', async (t) => {
  const policy: string = byKind('ConfigMap').data['policy.yaml'];
  t.same(mistakesIn(policy), []);
  t.same(mistakesIn(readFileSync(path.join(deploy, 'compose/policy/policy.yaml'), 'utf8')), []);
  const secrets = pod.volumes.find((volume: Manifest) => volume.name === 'secrets').secret;
  const mounted = secrets.items.map((item: Manifest) => item.path);
  for (const [, reference] of policy.matchAll(/Ref: ([\w-]+)/g)) t.ok(mounted.includes(reference), `${reference} is mounted`);
  const folder = driftline.env.find((variable: Manifest) => variable.name === 'DRIFTLINE_SECRETS_DIR').value;
  t.equal(driftline.volumeMounts.find((mount: Manifest) => mount.name === 'secrets').mountPath, folder);
});

t.test('the compose file mounts what it names and opens ports on this machine only', async (t) => {
  const { services } = documents('compose/compose.yaml')[0];
  t.match(services.driftline.ports, [/^127\.0\.0\.1:8080:8080$/, /^127\.0\.0\.1:9090:9090$/]);
  t.equal(services.driftline.read_only, true);
  t.ok(services.driftline.environment.DRIFTLINE_ADMIN_TOKEN);
  t.doesNotThrow(() => JSON.parse(readFileSync(path.join(deploy, 'compose/request.json'), 'utf8')));
});
