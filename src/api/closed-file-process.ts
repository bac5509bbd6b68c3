import { type ClosedFileTask, checkClosedFile } from './check-closed-file.ts';

/** The process that verifies one closed file for a writer. It has its keys, so it ends with it. */

process.once('disconnect', () => process.exit());

process.once('message', (task: ClosedFileTask) => {
  void checkClosedFile(task).then((answer) => {
    process.send?.(answer, () => {
      if (process.connected) process.disconnect();
    });
  });
});
