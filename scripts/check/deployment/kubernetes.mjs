import { readFileSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020.js';
import { parseAllDocuments } from 'yaml';

const schema = JSON.parse(readFileSync(new URL('kubernetes.schema.json', import.meta.url), 'utf8'));
const ajv = new Ajv2020({ allErrors: true, strict: false });
ajv.addSchema({ $id: 'kubernetes', $defs: schema.$defs });

/** What a manifest names and does not hold itself: `# from elsewhere: KIND NAME, …`. */
const elsewhere = (text) =>
  [...text.matchAll(/^# from elsewhere: (.*)$/gm)].flatMap(([, names]) => names.split(',').map((name) => name.trim()));

/** The objects of a manifest, and what is wrong with its YAML or with the form of one of them. */
export function readManifest(text) {
  const problems = [];
  const objects = [];
  for (const document of parseAllDocuments(text, { strict: true, uniqueKeys: true })) {
    for (const { message } of [...document.errors, ...document.warnings]) problems.push(message.split('\n')[0]);
    const object = document.toJS();
    const name = schema.kinds[`${object?.apiVersion} ${object?.kind}`];
    if (name === undefined) {
      problems.push(`${object?.apiVersion} ${object?.kind}: no schema of this kind`);
      continue;
    }
    objects.push(object);
    const validate = ajv.getSchema(`kubernetes#/$defs/${name}`);
    if (validate(object)) continue;
    for (const { instancePath, message, params } of validate.errors) {
      const extra = params.additionalProperty === undefined ? '' : `: ${params.additionalProperty}`;
      problems.push(`${object.kind} ${object.metadata?.name}${instancePath} ${message}${extra}`);
    }
  }
  return { objects, problems };
}

/** The pod template of an object; undefined where it has none. */
export function podOf({ kind, spec }) {
  return kind === 'CronJob' ? spec.jobTemplate.spec.template : spec?.template;
}

/** The variables of a container's `envFrom` and `env`, as far as the manifests say their values. */
export function environmentOf(container, objects) {
  const values = {};
  for (const { configMapRef } of container.envFrom ?? []) {
    Object.assign(
      values,
      objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === configMapRef?.name)?.data,
    );
  }
  for (const { name, value } of container.env ?? []) if (value !== undefined) values[name] = value;
  return values;
}

/** Names that lead nowhere, and what a pod may do that it need not. */
export function wiringProblems(text, objects) {
  const problems = [];
  const outside = elsewhere(text);
  const exists = (kind, name) =>
    outside.includes(`${kind} ${name}`) ||
    objects.some((object) => object.kind === kind && object.metadata.name === name);
  for (const object of objects) {
    const name = `${object.kind} ${object.metadata.name}`;
    const say = (problem) => problems.push(`${name}: ${problem}`);
    if (
      object.kind === 'Service' &&
      !objects.some((other) => matches(object.spec.selector, podOf(other)?.metadata.labels))
    ) {
      say('its selector matches no pod of the file');
    }
    const pod = podOf(object);
    if (pod === undefined) continue;
    const { selector, serviceName, volumeClaimTemplates = [] } = object.spec;
    if (selector !== undefined && !matches(selector.matchLabels, pod.metadata.labels))
      say('its selector does not match its pods');
    if (serviceName !== undefined && !exists('Service', serviceName)) say(`no Service ${serviceName}`);
    if (!exists('ServiceAccount', pod.spec.serviceAccountName)) say(`no ServiceAccount ${pod.spec.serviceAccountName}`);
    const volumes = pod.spec.volumes ?? [];
    for (const { configMap, persistentVolumeClaim } of volumes) {
      if (configMap && !exists('ConfigMap', configMap.name)) say(`no ConfigMap ${configMap.name}`);
      const claim = persistentVolumeClaim?.claimName;
      if (claim && !exists('PersistentVolumeClaim', claim)) say(`no PersistentVolumeClaim ${claim}`);
    }
    const provided = [
      ...volumes.map((volume) => volume.name),
      ...volumeClaimTemplates.map(({ metadata }) => metadata.name),
    ];
    const { runAsNonRoot, runAsUser, fsGroup, fsGroupChangePolicy, seccompProfile } = pod.spec.securityContext ?? {};
    if (runAsNonRoot !== true || !(runAsUser > 0)) say('may run as root');
    if (seccompProfile?.type !== 'RuntimeDefault') say('has no seccomp profile');
    if (fsGroup !== undefined && fsGroupChangePolicy !== 'OnRootMismatch')
      say('lets the kubelet open the state directory to the group');
    for (const container of pod.spec.containers) {
      const { allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities } = container.securityContext ?? {};
      if (allowPrivilegeEscalation !== false) say('may gain privileges');
      if (readOnlyRootFilesystem !== true) say('may write to its root file system');
      if (!capabilities?.drop?.includes('ALL')) say('keeps capabilities');
      for (const { configMapRef } of container.envFrom ?? []) {
        if (!exists('ConfigMap', configMapRef.name)) say(`no ConfigMap ${configMapRef.name}`);
      }
      const ports = (container.ports ?? []).map((port) => port.name);
      for (const probe of [container.readinessProbe, container.livenessProbe]) {
        if (probe !== undefined && !ports.includes(probe.httpGet.port)) say(`no port ${probe.httpGet.port}`);
      }
      const mounts = container.volumeMounts ?? [];
      for (const mount of mounts) if (!provided.includes(mount.name)) say(`no volume ${mount.name}`);
      for (const volume of provided)
        if (!mounts.some((mount) => mount.name === volume)) say(`volume ${volume} is not mounted`);
      const { FAPILOG_TAMPER_FILE: file = '-', FAPILOG_TAMPER_STATE_DIR: state } = environmentOf(container, objects);
      for (const path of [file, state]) {
        if (path === undefined || path === '-') continue;
        if (!mounts.some((mount) => !mount.readOnly && path.startsWith(`${mount.mountPath}/`)))
          say(`${path} is on no volume`);
      }
    }
  }
  return problems;
}

function matches(selector, labels) {
  return labels !== undefined && Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value);
}
