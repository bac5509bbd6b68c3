// Makes a key in a token of SoftHSM, as an operator would: in a process of its own, because a process that has the library loaded
// sees no token that is made later. SOFTHSM2_CONF names the tokens.
//   node softhsm-key.mjs MODULE TOKEN PIN KIND LABEL ID [ATTRIBUTES]
// KIND: aes, hmac, p256, p384, p521, ed25519, rsa. ID: the CKA_ID in hexadecimal. ATTRIBUTES: of the private or secret key, as JSON.
import pkcs11js from 'pkcs11js';

const [module = '', token = '', pin, kind = '', label, id = '', attributes = '{}'] = process.argv.slice(2);
const CURVES = { p256: '06082a8648ce3d030107', p384: '06052b81040022', p521: '06052b81040023', ed25519: '06032b6570' };
const CKM_EC_EDWARDS_KEY_PAIR_GEN = 0x1055;

const template = (members) => Object.entries(members).map(([name, value]) => ({ type: pkcs11js[name], value }));
const named = { CKA_TOKEN: true, CKA_LABEL: label, CKA_ID: Buffer.from(id, 'hex') };
const kept = { ...named, CKA_PRIVATE: true, CKA_SENSITIVE: true, CKA_EXTRACTABLE: false };
const own = JSON.parse(attributes);

const library = new pkcs11js.PKCS11();
library.load(module);
library.C_Initialize();
const slot = library.C_GetSlotList(true).find((one) => library.C_GetTokenInfo(one).label.trimEnd() === token);
if (slot === undefined) throw new Error(`there is no token ${token}`);
const session = library.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
library.C_Login(session, pkcs11js.CKU_USER, pin);

if (kind === 'aes') {
  const use = { CKA_VALUE_LEN: 32, CKA_ENCRYPT: true, CKA_DECRYPT: true };
  library.C_GenerateKey(session, { mechanism: pkcs11js.CKM_AES_KEY_GEN }, template({ ...kept, ...use, ...own }));
} else if (kind === 'hmac') {
  const use = { CKA_VALUE_LEN: 32, CKA_SIGN: true, CKA_VERIFY: true };
  library.C_GenerateKey(
    session,
    { mechanism: pkcs11js.CKM_GENERIC_SECRET_KEY_GEN },
    template({ ...kept, ...use, ...own }),
  );
} else {
  const [mechanism, more] =
    kind === 'rsa'
      ? [pkcs11js.CKM_RSA_PKCS_KEY_PAIR_GEN, { CKA_MODULUS_BITS: 2048, CKA_PUBLIC_EXPONENT: Buffer.from([1, 0, 1]) }]
      : [
          kind === 'ed25519' ? CKM_EC_EDWARDS_KEY_PAIR_GEN : pkcs11js.CKM_EC_KEY_PAIR_GEN,
          { CKA_EC_PARAMS: Buffer.from(CURVES[kind], 'hex') },
        ];
  library.C_GenerateKeyPair(
    session,
    { mechanism },
    template({ ...named, ...more, CKA_VERIFY: true }),
    template({ ...kept, CKA_SIGN: true, ...own }),
  );
}
library.C_Finalize();
