// The declarations below @azure/identity name this type of browsers, which Node's declarations do not have as a global.
type JsonWebKey = import('node:crypto').JsonWebKey;
