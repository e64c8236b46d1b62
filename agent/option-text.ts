/** Detector options as words of the command line: `delta=0.002`. */
import { ConfigError } from '../contracts/errors.ts';
import type { OptionSchema, OptionSchemas } from '../contracts/options.ts';
import { enumerate, suggest } from '../policies/suggest.ts';

/** Options by name, checked against their schemas; a later one replaces an earlier. @throws ConfigError on the first that does not fit. */
export function parseOptions(
  schemas: OptionSchemas,
  words: readonly string[],
  owner: string,
): { [name: string]: number | boolean | string } {
  const given: { [name: string]: number | boolean | string } = {};
  for (const word of words) {
    const [, name, text] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
    if (name === undefined || text === undefined) throw new ConfigError('usage', `--option ${word}: write it as name=value`);
    const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
    if (schema === undefined) {
      const names = Object.keys(schemas);
      const near = suggest(name, names);
      const remedy =
        near !== null ? `did you mean ${near}? (${names.join(', ')})` : names.length === 0 ? 'it has none' : `use ${enumerate(names)}`;
      throw new ConfigError('unknown-option', `${owner}: has no option ${name}; ${remedy}`);
    }
    const value = parsedValue(schema, text);
    if (value === null) throw new ConfigError('wrong-option', `${owner}: option ${name} is ${text}; it takes ${describe(schema)}`);
    given[name] = value;
  }
  return given;
}

/** The value in the text, or null where it does not fit the schema. */
function parsedValue(schema: OptionSchema, text: string): number | boolean | string | null {
  switch (schema.type) {
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : null;
    case 'string': {
      const fits = (schema.enum?.includes(text) ?? true) && (schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(text));
      return fits ? text : null;
    }
    default: {
      const value = Number(text);
      const fits =
        text.trim() !== '' &&
        (schema.type === 'integer' ? Number.isSafeInteger(value) : Number.isFinite(value)) &&
        value >= (schema.minimum ?? -Infinity) &&
        value <= (schema.maximum ?? Infinity) &&
        value > (schema.exclusiveMinimum ?? -Infinity);
      return fits ? value : null;
    }
  }
}

function describe(schema: OptionSchema): string {
  if (schema.type === 'boolean') return 'true or false';
  if (schema.type === 'string') return schema.enum === undefined ? `text like ${schema.pattern ?? 'any'}` : enumerate(schema.enum);
  const bounds = [
    schema.minimum === undefined ? [] : [`from ${schema.minimum}`],
    schema.exclusiveMinimum === undefined ? [] : [`above ${schema.exclusiveMinimum}`],
    schema.maximum === undefined ? [] : [`up to ${schema.maximum}`],
  ].flat();
  return [schema.type === 'integer' ? 'a whole number' : 'a number', ...bounds].join(' ');
}
