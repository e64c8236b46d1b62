import fc from 'fast-check';
import t from 'tap';
import { ScorerError } from '../../contracts/errors.ts';
import type { Tensor } from '../../contracts/tensor.ts';
import { fitInputs, type TensorSpec } from '../../scorer/inputs.ts';

const spec = (name: string, shape: number[]): TensorSpec => ({ name, datatype: 'FP32', shape });
const tensor = (name: string, shape: number[], data: number[]): Tensor => ({ name, datatype: null, shape, data });
const shapes = (specs: TensorSpec[], tensors: Tensor[]) =>
  fitInputs(specs, tensors).map(({ spec, shape, data }) => [spec.name, shape, data]);

const columns = [spec('a', [-1, 1]), spec('b', [-1, 1])];

t.test('columns are found by name in any order, and others are ignored', async (t) => {
  const sent = [tensor('extra', [2], [0, 0]), tensor('b', [2, 1], [3, 4]), tensor('a', [2], [1, 2])];
  t.same(shapes(columns, sent), [
    ['a', [2, 1], [1, 2]],
    ['b', [2, 1], [3, 4]],
  ]);
});

t.test('a single tensor feeds a single input whatever its name', async (t) => {
  t.same(shapes([spec('features', [-1, 3])], [tensor('instances', [1, 3], [1, 2, 3])]), [['features', [1, 3], [1, 2, 3]]]);
});

t.test('columns are laid side by side for one input, in the order given', async (t) => {
  const sent = [tensor('x', [2], [1, 2]), tensor('y', [2], [3, 4])];
  t.same(shapes([spec('features', [-1, 2])], sent), [['features', [2, 2], [1, 3, 2, 4]]]);
});

t.test('a matrix is split over single-valued inputs, in the order of the model', async (t) => {
  t.same(shapes(columns, [tensor('instances', [2, 2], [1, 2, 3, 4])]), [
    ['a', [2, 1], [1, 3]],
    ['b', [2, 1], [2, 4]],
  ]);
});

t.test('what does not fit is refused with what was expected and what came', async (t) => {
  t.throws(() => fitInputs(columns, [tensor('c', [2], [1, 2])]), {
    code: 'bad-input',
    message: 'scorer: the model expects a FP32 [-1, 1], b FP32 [-1, 1]; the request has c [2]',
  });
  t.throws(() => fitInputs(columns, []), { message: /the request has no tensor/ });
  t.throws(() => fitInputs([spec('f', [-1, 3])], [tensor('f', [3], [1, 2, 3])]), {
    message: /f expects shape \[-1, 3\]; the request has \[3\]/,
  });
  t.throws(() => fitInputs(columns, [tensor('a', [2], [1, 2]), tensor('b', [1], [1])]), {
    message: /input b has 1 rows where another has 2/,
  });
  t.throws(() => fitInputs(columns, [tensor('a', [0], []), tensor('b', [0], [])]), { message: /no rows/ });
  t.throws(() => fitInputs([spec('f', [-1])], [tensor('f', [3], [1])]), { message: /has 1 elements; its shape says 3/ });
  t.throws(() => fitInputs([spec('f', [-1, 2])], [tensor('x', [2], [1, 2]), tensor('y', [1], [1])]), { message: /column y/ });
});

t.test('any tensors fit exactly or are refused as a bad input', async () => {
  const shape = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 });
  const anySpec = fc.record({
    name: fc.constantFrom('a', 'b'),
    shape: fc.array(
      fc.integer({ min: -1, max: 3 }).filter((n) => n !== 0),
      { maxLength: 3 },
    ),
  });
  const anyTensor = fc.record({ name: fc.constantFrom('a', 'b', 'c'), shape, data: fc.array(fc.integer(), { maxLength: 9 }) });
  fc.assert(
    fc.property(
      fc.uniqueArray(anySpec, { selector: ({ name }) => name, minLength: 1 }),
      fc.array(anyTensor, { maxLength: 3 }),
      (specs, tensors) => {
        try {
          const feeds = fitInputs(
            specs.map(({ name, shape }) => spec(name, shape)),
            tensors.map(({ name, shape, data }) => tensor(name, shape, data)),
          );
          return feeds.every(
            ({ spec, shape, data }) =>
              shape.length === spec.shape.length &&
              shape.every((length, axis) => [-1, length].includes(spec.shape[axis]!)) &&
              data.length === shape.reduce((product, length) => product * length, 1) &&
              data.every((value) => value !== undefined),
          );
        } catch (error) {
          return error instanceof ScorerError && error.code === 'bad-input';
        }
      },
    ),
    { seed: 3, numRuns: 3000 },
  );
});
