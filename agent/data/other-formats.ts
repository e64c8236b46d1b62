/** Files that are no tables in text, told by how they begin, with what to do about them. */

const MAGIC: readonly (readonly [string, string])[] = [
  ['PK\u0003\u0004', 'a ZIP archive (or a spreadsheet); unpack it, or save the sheet as CSV'],
  ['\u0028\u00b5\u002f\u00fd', 'compressed with zstd; unpack it, or use gzip'],
  ['BZh', 'compressed with bzip2; unpack it, or use gzip'],
  ['\u00fd7zXZ', 'compressed with xz; unpack it, or use gzip'],
  ['ARROW1', 'an Arrow file; write it as Parquet'],
  ['SQLite format 3', 'a SQLite database; export the table as CSV'],
  ['\u0089HDF', 'an HDF5 file; write it as Parquet or CSV'],
  ['\u00ff\u00fe', 'UTF-16; save it as UTF-8'],
  ['\u00fe\u00ff', 'UTF-16; save it as UTF-8'],
];

/** What a file is and what to do, as in `is …`; null where its beginning says nothing. */
export function otherFormat(head: Buffer): string | null {
  const begin = head.toString('latin1', 0, 16);
  return MAGIC.find(([magic]) => begin.startsWith(magic))?.[1] ?? null;
}

/** Whether a file begins as Parquet does. */
export function isParquet(head: Buffer): boolean {
  return head.toString('latin1', 0, 4) === 'PAR1';
}
