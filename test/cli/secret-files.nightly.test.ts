import { secretFiles } from './secret-files.ts';

secretFiles(120);
