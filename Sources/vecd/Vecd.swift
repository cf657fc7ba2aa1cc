import ArgumentParser
import Logging
@main struct Vecd: ParsableCommand {}
