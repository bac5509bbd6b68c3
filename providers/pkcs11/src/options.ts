import { isAbsolute } from 'node:path';
import * as v from 'valibot';

const text = v.pipe(v.string(), v.nonEmpty());
const absolute = v.pipe(
  text,
  v.check((path) => isAbsolute(path), 'must be an absolute path'),
);

/** What key_provider_options may be. */
export const options = v.pipe(
  v.strictObject({
    module: absolute,
    token: v.optional(text),
    serial: v.optional(text),
    slot: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
    pin_file: absolute,
    rsa_padding: v.optional(v.picklist(['pss', 'pkcs1']), 'pss'),
  }),
  v.check(
    ({ token, serial, slot }) => token !== undefined || serial !== undefined || slot !== undefined,
    'name the token by token (its label), serial or slot',
  ),
);

export type Pkcs11Options = v.InferOutput<typeof options>;
