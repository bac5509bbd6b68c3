import { refusals, stateCodes, states, testHandOvers } from './hand-over-matrix.ts';

// every failure and every state, at every step of a hand-over; the short suite has one of each kind
testHandOvers([...refusals, ...stateCodes], states);
