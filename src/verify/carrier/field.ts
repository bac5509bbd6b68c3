import type { CarriedLine, Carrier } from './carrier.ts';
import { bytesMember, membersOfLine, objectMember, stringMember } from './object-members.ts';
import { wholeLine, wholeLineOf } from './whole-line.ts';

/**
 * Any carrier that writes a JSON object a line in which a member is the log's line, a string or an array of bytes: `log` of Fluent Bit, `MESSAGE` of
 * `journalctl -o json --all`.
 *
 * @param path - the names that lead to the member, from the outermost object on; at least one
 */
export function field(path: readonly string[]): Carrier {
  const outer = path.slice(0, -1);
  const own = path.at(-1) ?? '';
  const read = (line: Buffer): CarriedLine => {
    let members = membersOfLine(line);
    for (const name of outer) members = objectMember(members, name);
    const bytes = bytesMember(members, own);
    return bytes === undefined ? wholeLine(stringMember(members, own)) : wholeLineOf(bytes);
  };
  return { name: `field:${path.join('.')}`, read };
}
