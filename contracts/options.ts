/**
 * Options of a detector, exporter or action: declared once as JSON Schema; type, validation and docs table derive from it.
 */

interface Described {
  readonly description: string;
}

export type OptionSchema =
  | (Described & {
      readonly type: 'number' | 'integer';
      readonly minimum?: number;
      readonly maximum?: number;
      readonly exclusiveMinimum?: number;
      readonly default?: number;
    })
  | (Described & { readonly type: 'boolean'; readonly default?: boolean })
  | (Described & { readonly type: 'string'; readonly enum?: readonly string[]; readonly pattern?: string; readonly default?: string });

export type OptionSchemas = { readonly [name: string]: OptionSchema };

type ValueOf<S> = S extends { readonly type: 'number' | 'integer' }
  ? number
  : S extends { readonly type: 'boolean' }
    ? boolean
    : S extends { readonly enum: readonly (infer E)[] }
      ? E
      : string;

/** The checked options: those with a default are always there, the others may be undefined. */
export type OptionsOf<S extends OptionSchemas> = {
  readonly [K in keyof S]: S[K] extends { readonly default: unknown } ? ValueOf<S[K]> : ValueOf<S[K]> | undefined;
};

/** Fills in the defaults. Values are taken as checked. */
export function withDefaults<S extends OptionSchemas>(schemas: S, given: { readonly [name: string]: unknown }): OptionsOf<S> {
  const filled: { [name: string]: unknown } = {};
  for (const [name, schema] of Object.entries(schemas)) {
    filled[name] = Object.hasOwn(given, name) ? given[name] : schema.default;
  }
  // Each key of S was just given its value or its default.
  return filled as OptionsOf<S>;
}
