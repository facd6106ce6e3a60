/** The worker's script. */
import { load } from '../runtime/browser.ts';
import type { Port, Reply, Request } from './protocol.ts';
import { serve } from './serve.ts';

serve(self as unknown as Port<Reply, Request>, load);
