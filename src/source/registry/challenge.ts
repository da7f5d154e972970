/** One way that a server offers to prove who one is (RFC 9110, section 11.6.1). Names of schemes and parameters are in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const QUOTED = '"(?:[^"\\\\]|\\\\.)*"';
const SCHEME = new RegExp(`^(${TOKEN})(?= |,|$) *`);
const PARAMETER = new RegExp(`^(${TOKEN})[ \\t]*=[ \\t]*(${TOKEN}|${QUOTED})[ \\t]*(?=,|$)`);
const TOKEN68 = /^[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)/;
const SEPARATOR = /^[ \t]*,[ \t,]*/;

/** Headers longer than this are not looked at. */
const MAX_LENGTH = 8192;

/**
 * The challenges of WWW-Authenticate headers, in order. What breaks the grammar ends its header: the challenges before
 * it count, since a reader that guessed could be led to another realm than the next reader.
 */
export function parseChallenges(headers: readonly string[]): Challenge[] {
  return headers.filter((header) => header.length <= MAX_LENGTH).flatMap(parseHeader);
}

function parseHeader(header: string): Challenge[] {
  const found: { scheme: string; parameters: Map<string, string>; hasToken68: boolean }[] = [];
  let rest = header.trim();
  while (rest !== "") {
    const parameter = PARAMETER.exec(rest);
    const current = found.at(-1);
    if (parameter !== null) {
      const name = parameter[1]!.toLowerCase();
      if (current === undefined || current.hasToken68 || current.parameters.has(name)) return found.slice(0, -1);
      current.parameters.set(name, unquote(parameter[2]!));
      rest = rest.slice(parameter[0].length);
    } else {
      const scheme = SCHEME.exec(rest);
      if (scheme === null) return found.slice(0, -1);
      rest = rest.slice(scheme[0].length);
      const token68 = PARAMETER.test(rest) ? null : TOKEN68.exec(rest);
      const challenge = { scheme: scheme[1]!.toLowerCase(), parameters: new Map(), hasToken68: token68 !== null };
      found.push(challenge);
      if (PARAMETER.test(rest)) continue;
      rest = rest.slice(token68?.[0].length ?? 0);
    }
    const separator = SEPARATOR.exec(rest);
    if (rest !== "" && separator === null) return found.slice(0, -1);
    rest = rest.slice(separator?.[0].length ?? 0);
  }
  return found;
}

function unquote(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, "$1") : text;
}
