import type { GcpKmsServer } from '../../servers/gcp-kms/start.ts';

/** Who the metadata server of the test says we are. */
export const machineAccount = 'writer@test-project.iam.gserviceaccount.com';

/**
 * Variables under which the SDK finds the machine's own credentials at the test server's metadata server, and trusts the
 * test server's authority. The two that may hold the system's authorities are overridden.
 */
export function machineEnvironment(server: GcpKmsServer): Record<string, string> {
  return {
    ...isolatedEnvironment(server),
    GCE_METADATA_HOST: `127.0.0.1:${server.ports.authority}`,
    METADATA_SERVER_DETECTION: 'assume-present',
  };
}

/** Variables under which the SDK finds no credentials at all. */
export function isolatedEnvironment(server: GcpKmsServer): Record<string, string> {
  return {
    NODE_EXTRA_CA_CERTS: server.caFile,
    GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: server.caFile,
    GOOGLE_CLOUD_PROJECT: 'test-project',
    METADATA_SERVER_DETECTION: 'none',
    HOME: server.directory,
    NO_PROXY: 'localhost,127.0.0.1',
    no_proxy: 'localhost,127.0.0.1',
  };
}

/** Makes this process one that runs on the machine of {@link machineAccount}. Call before anything loads the SDK. */
export async function becomeMachine(server: GcpKmsServer): Promise<void> {
  for (const name of ['GOOGLE_APPLICATION_CREDENTIALS', 'HTTPS_PROXY', 'https_proxy']) delete process.env[name];
  Object.assign(process.env, machineEnvironment(server));
  await server.admin('configureAuthority', { metadataPrincipal: machineAccount });
  for (const role of ['viewer', 'cryptoKeyEncrypterDecrypter', 'signerVerifier']) {
    await server.admin('grant', {
      principal: machineAccount,
      role: `roles/cloudkms.${role}`,
      resource: 'projects/test-project',
    });
  }
  await import('@google-cloud/kms'); // takes longer than some of the tests' deadlines, on a machine with other work
}

/** The same host behind a proxy on which Google's own names lead to the test server: nothing is configured but that. */
export function proxiedEnvironment(server: GcpKmsServer): Record<string, string> {
  const { NO_PROXY: _, no_proxy: __, ...isolated } = isolatedEnvironment(server);
  const proxy = `http://127.0.0.1:${server.ports.proxy}`;
  return { ...isolated, HTTPS_PROXY: proxy, https_proxy: proxy };
}
