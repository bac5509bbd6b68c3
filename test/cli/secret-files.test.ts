import { times } from '../support/tier.ts';
import { secretFiles } from './secret-files.ts';

secretFiles(times(10, 26));
