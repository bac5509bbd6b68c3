export { isTamperError, TamperError, type TamperErrorCode, type TamperErrorOptions } from './errors.ts';
