/** Prints the alert as text, for the person at the terminal or whoever reads the container's log. */
import { defineAction } from '../../contracts/action.ts';
import { alertText } from '../text.ts';

export const consoleAction = defineAction({
  type: 'console',
  summary: 'Prints the alert as text.',
  prepare: (_action, alert, context) =>
    alertText(alert, { policy: context.policy, open: context.open, decisions: context.decisions ?? [] }),
  perform: async (_action, decision, tools) => {
    // The payload is what `prepare` made.
    tools.print(String(decision.payload));
    return { kind: 'done', result: 'printed' };
  },
});
