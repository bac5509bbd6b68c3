// Refusals of the service: google.rpc codes, HTTP statuses and details (google.rpc.ErrorInfo, PreconditionFailure, RetryInfo).

/** Number and HTTP status of each google.rpc.Code that is used here. */
export const codes = {
  CANCELLED: { number: 1, http: 499 },
  UNKNOWN: { number: 2, http: 500 },
  INVALID_ARGUMENT: { number: 3, http: 400 },
  DEADLINE_EXCEEDED: { number: 4, http: 504 },
  NOT_FOUND: { number: 5, http: 404 },
  PERMISSION_DENIED: { number: 7, http: 403 },
  RESOURCE_EXHAUSTED: { number: 8, http: 429 },
  FAILED_PRECONDITION: { number: 9, http: 400 },
  UNIMPLEMENTED: { number: 12, http: 501 },
  INTERNAL: { number: 13, http: 500 },
  UNAVAILABLE: { number: 14, http: 503 },
  UNAUTHENTICATED: { number: 16, http: 401 },
};

export class ServiceError extends Error {
  constructor(code, message, details = []) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

export function invalid(message) {
  return new ServiceError('INVALID_ARGUMENT', message);
}

export function notFound(kind, name) {
  return new ServiceError('NOT_FOUND', `${kind} ${name} not found.`);
}

export function denied(permission, resource) {
  return new ServiceError(
    'PERMISSION_DENIED',
    `Permission '${permission}' denied on resource '${resource}' (or it may not exist).`,
    [
      {
        type: 'ErrorInfo',
        value: {
          reason: 'IAM_PERMISSION_DENIED',
          domain: 'cloudkms.googleapis.com',
          metadata: { permission, resource },
        },
      },
    ],
  );
}

export function unauthenticated(reason) {
  return new ServiceError(
    'UNAUTHENTICATED',
    'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.',
    [
      {
        type: 'ErrorInfo',
        value: { reason, domain: 'googleapis.com', metadata: { service: 'cloudkms.googleapis.com' } },
      },
    ],
  );
}

export function notEnabled(versionName, state) {
  return new ServiceError('FAILED_PRECONDITION', `${versionName} is not enabled, current state is: ${state}.`, [
    {
      type: 'PreconditionFailure',
      value: { violations: [{ type: `KEY_${state}`, subject: versionName, description: '' }] },
    },
  ]);
}

export function wrongPurpose(versionName, purpose) {
  return new ServiceError(
    'FAILED_PRECONDITION',
    `Operation requested for Key ${versionName} has incorrect key purpose: ${purpose}`,
  );
}

export function throttled(retryDelaySeconds) {
  const details = [
    {
      type: 'ErrorInfo',
      value: {
        reason: 'RATE_LIMIT_EXCEEDED',
        domain: 'googleapis.com',
        metadata: { service: 'cloudkms.googleapis.com', quota_metric: 'cloudkms.googleapis.com/software_usage' },
      },
    },
  ];
  if (retryDelaySeconds !== undefined) {
    const seconds = Math.floor(retryDelaySeconds);
    const nanos = Math.round((retryDelaySeconds - seconds) * 1e9);
    details.push({ type: 'RetryInfo', value: { retryDelay: { seconds, nanos } } });
  }
  return new ServiceError('RESOURCE_EXHAUSTED', "Quota exceeded for quota metric 'Software usage'.", details);
}
