/** What the program's Node is started with. Plain JavaScript, as the launcher is. */
export const flags = [
  '--disable-warning=ExperimentalWarning',
  // Of every thread's young generation, which by default grows to 48 MB; what a thread asks for itself (YOUNG_MB) does not count beside it.
  '--max-semi-space-size=4',
  // So little lives on in it that threads which help to collect it are waited for longer than they help, most of all where all cores are busy.
  '--no-parallel-scavenge',
];
