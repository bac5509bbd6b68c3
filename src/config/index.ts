export { type ResolvedConfig, withDefaults } from './defaults.ts';
export { type ConfiguredKey, type Mode, modeOf, signingCandidate } from './mode.ts';
export { fileName, flagName, nearest, variableName } from './names.ts';
export { loadConfigFile, type Resolution, resolveConfig } from './resolve.ts';
export { choicesOf, isSecretOption, kindOf, type OptionName, optionNames, schemaOf } from './schema.ts';
export type { ConfigFile } from './setting.ts';
export type { ConfiguredSource, TamperConfig, ThirdPartySource } from './tamper-config.ts';
export { isLocal, isThirdParty, keySources } from './tamper-config.ts';
export { expandOrigin, expandPath } from './template.ts';
