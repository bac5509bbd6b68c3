/** Where test servers and other tools are kept: never inside the tree. */
export function toolCache(): string;
