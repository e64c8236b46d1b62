/**
 * `${NAME}` in a policy: the environment's value, in web addresses only. Secrets come by reference, never by text.
 */
import type { Path } from './yaml.ts';

/** The environment's variables. */
export type Environment = { readonly [name: string]: string | undefined };

const VARIABLE = /\$\{([^}]*)\}?/g;
const GOOD_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Positions whose texts are expanded. */
const EXPANDED = [/^spec\.traffic\.upstreams\.[^.]+\.url$/, /^spec\.actions\.\d+\.url$/, /^spec\.exporters\.elasticsearch\.nodes\.\d+$/];
/** Positions that hold words for people or for other programs, where `${` means nothing. */
const FREE = [/^metadata\./, /^spec\.owner\./, /^spec\.schema\.(inputs|outputs)\.\d+\.values\./];

/**
 * A copy of the document in which addresses are expanded. A variable that is missing is reported and leaves an address of
 * its own kind, so that no other check stumbles over it.
 */
export function expandVariables(document: unknown, env: Environment, report: (path: Path, message: string) => void): unknown {
  return walk(document, []);

  function walk(value: unknown, path: Path): unknown {
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]));
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key])]));
    }
    return typeof value === 'string' && value.includes('${') ? expand(value, path) : value;
  }

  function expand(text: string, path: Path): string {
    const place = path.join('.');
    if (FREE.some((pattern) => pattern.test(place))) return text;
    if (!EXPANDED.some((pattern) => pattern.test(place))) {
      report(path, 'variables are expanded in web addresses only — write the value out, or use a `…Ref` for a secret');
      return text;
    }
    let missing = false;
    const expanded = text.replaceAll(VARIABLE, (whole, name: string) => {
      const value = GOOD_NAME.test(name) && whole.endsWith('}') ? env[name] : undefined;
      if (value !== undefined && value !== '') return value;
      missing = true;
      report(
        path,
        GOOD_NAME.test(name) && whole.endsWith('}')
          ? `the environment has no \`${name}\` — set it`
          : `\`${whole}\` is no variable — write \${NAME}`,
      );
      return '';
    });
    // A name that no one can have (RFC 2606 §2): the mistake is reported already.
    return missing ? 'http://missing.invalid' : expanded;
  }
}
