/**
 * A model in the ONNX runtime; the only door to native code.
 *
 * `run` computes on the calling thread although it returns a promise (the runtime's binding does), and no exception can stop
 * a model that loops for ever: open untrusted models, and all models beside traffic, in a process of their own.
 */
import { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node';
import { ScorerError } from '../contracts/errors.ts';
import type { Tensor } from '../contracts/tensor.ts';
import { type Datatype, fromElements, ONNX_TYPES, toElements } from './elements.ts';
import { type Feed, fitInputs, type TensorSpec } from './inputs.ts';
import { readModelFile } from './model-file.ts';

export interface OnnxOptions {
  /** Where the model computes; never replaced by another in silence. */
  readonly provider?: 'cpu' | 'cuda';
  /** Threads inside one operator. */
  readonly threads?: number;
  /** Largest model file, in bytes. */
  readonly limitBytes?: number;
}

export interface OnnxModel {
  readonly inputs: readonly TensorSpec[];
  /** Tensor outputs only: sequences and maps (a ZipMap's) cannot be returned and are left out. */
  readonly outputs: readonly TensorSpec[];
  /**
   * The outputs for the rows of `tensors`, in the model's order. See `fitInputs` for the ways rows may come.
   *
   * @throws ScorerError (`bad-input`) when the tensors do not fit the model; (`run-failed`) when the model fails on them.
   */
  run(tensors: readonly Tensor[]): Promise<readonly Tensor[]>;
  close(): Promise<void>;
}

const DATATYPES = new Map(Object.entries(ONNX_TYPES).map(([datatype, type]) => [type as string, datatype]));

/**
 * Loads the model at `path`.
 *
 * @throws ScorerError (`model-missing`, `model-refused`) for the file; (`model-invalid`) when the runtime cannot load it;
 * (`no-tensor-output`, `unsupported-type`) when nothing of it can be carried; (`provider`) when CUDA is not there.
 */
export async function openModel(path: string, options: OnnxOptions = {}): Promise<OnnxModel> {
  const bytes = await readModelFile(path, options.limitBytes);
  const session = await createSession(path, bytes, options);
  try {
    return describe(path, session);
  } catch (error) {
    await session.release();
    throw error;
  }
}

async function createSession(path: string, bytes: Buffer, options: OnnxOptions): Promise<InferenceSession> {
  const provider = options.provider ?? 'cpu';
  // Else newer cards round factors to 10 bits (TF32): scores would differ from the CPU's in their third digit.
  if (provider === 'cuda') process.env.NVIDIA_TF32_OVERRIDE ??= '0';
  try {
    return await InferenceSession.create(bytes, {
      executionProviders: [provider],
      intraOpNumThreads: options.threads ?? 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      // Errors come as exceptions; the runtime's own lines on stderr would only say them twice.
      logSeverityLevel: 4,
      extra: {
        session: {
          // Weights beside the model would be read unchecked (a hard link there reaches any file): there is no such folder.
          model_external_initializers_file_folder_path: '/nonexistent/driftline',
          // Waiting threads sleep instead of burning the cores that the proxy needs.
          intra_op: { allow_spinning: '0' },
        },
      },
    });
  } catch (error) {
    const reason = firstLine(error);
    if (provider === 'cuda' && /provider|cuda/i.test(reason)) {
      throw new ScorerError(
        'provider',
        `scorer: provider cuda is not available (${reason}); install CUDA's provider libraries (docs/operations.md, "On a GPU"), or use provider cpu`,
        { cause: error },
      );
    }
    if (reason.startsWith('External data')) {
      throw new ScorerError(
        'model-refused',
        `scorer: ${path} keeps weights in other files; save it as one file (save_as_external_data=False)`,
        {
          cause: error,
        },
      );
    }
    throw new ScorerError('model-invalid', `scorer: ${path} cannot be loaded (${reason}); check that it is a whole ONNX model`, {
      cause: error,
    });
  }
}

function describe(path: string, session: InferenceSession): OnnxModel {
  const inputs = session.inputMetadata.map((port) => specOf(path, port));
  const outputs = session.outputMetadata.filter((port) => port.isTensor).map((port) => specOf(path, port));
  if (outputs.length === 0) {
    throw new ScorerError(
      'no-tensor-output',
      `scorer: ${path} has no tensor output, only sequences or maps; export it without ZipMap (options={'zipmap': False})`,
    );
  }
  const fetches = outputs.map(({ name }) => name);
  let open = true;
  return {
    inputs,
    outputs,
    async run(tensors) {
      const feeds = Object.fromEntries(fitInputs(inputs, tensors).map((feed) => [feed.spec.name, toOnnx(feed)]));
      if (!open) throw new ScorerError('closed', `scorer: ${path} is closed`);
      let results: InferenceSession.ReturnType;
      try {
        results = await session.run(feeds, fetches);
      } catch (error) {
        throw new ScorerError('run-failed', `scorer: ${path} failed on a request (${firstLine(error)}); check rows against the model`, {
          cause: error,
        });
      }
      return outputs.map(({ name, datatype }) => {
        const { dims, data } = results[name]!;
        // Typed arrays and arrays of text alike have a length and elements. They are copied: the memory is the runtime's.
        return { name, datatype, shape: [...dims], data: fromElements(datatype, data as ArrayLike<unknown>) };
      });
    },
    async close() {
      if (!open) return;
      open = false;
      await session.release();
    },
  };
}

function specOf(path: string, port: InferenceSession.ValueMetadata): TensorSpec {
  const datatype = port.isTensor ? DATATYPES.get(port.type) : undefined;
  if (!port.isTensor || datatype === undefined) {
    const type = port.isTensor ? port.type : 'no tensor';
    throw new ScorerError(
      'unsupported-type',
      `scorer: ${path}: ${port.name} is ${type}; export the model with ${[...DATATYPES.keys()].join(', ')}`,
    );
  }
  // Named and unnamed free dimensions alike are any length.
  return { name: port.name, datatype, shape: port.shape.map((length) => (typeof length === 'number' ? length : -1)) };
}

function toOnnx({ spec, shape, data }: Feed): OnnxTensor {
  // Specs only ever carry the datatypes of ONNX_TYPES: `specOf` refuses all others.
  const datatype = spec.datatype as Datatype;
  return new OnnxTensor(ONNX_TYPES[datatype], toElements(spec.name, datatype, data), shape);
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 300);
}
