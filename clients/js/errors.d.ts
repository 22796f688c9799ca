// What goes wrong.
import { LoopchainError } from "./client.js";
export { LoopchainError };
export function unreachable(message: string): LoopchainError;
