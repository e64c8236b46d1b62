/**
 * What to do next while nothing has come through yet.
 */
import { element } from './elements.js';

/** @param {{ dataAddress: string, adminOrigin: string }} where */
export function firstSteps({ dataAddress, adminOrigin }) {
  return [
    element('h2', { id: 'start-title' }, 'Nothing has come through yet'),
    element(
      'ol',
      {},
      element(
        'li',
        {},
        'Send predictions to the data port instead of the model server; paths and bodies stay as they are:',
        element(
          'pre',
          { tabindex: '0' },
          `curl -i http://${dataAddress}/v2/models/MODEL/infer \\\n  -H 'content-type: application/json' \\\n` +
            `  -d '{"inputs": [{"name": "age", "datatype": "FP64", "shape": [1], "data": [42]}]}'`,
        ),
      ),
      element(
        'li',
        {},
        'Each answer carries ',
        element('code', {}, 'x-driftline-id'),
        '. When the true label is known, post it under that id:',
        element(
          'pre',
          { tabindex: '0' },
          `curl ${adminOrigin}/v1/feedback \\\n  -H 'content-type: application/json' \\\n  -d '{"id": "THE-ID", "label": 1}'`,
        ),
      ),
      element('li', {}, 'Signals appear here once windows fill up. This page follows by itself.'),
    ),
  ];
}
