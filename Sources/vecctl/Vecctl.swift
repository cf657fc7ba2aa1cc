import ArgumentParser
import Histogram
@main struct Vecctl: ParsableCommand {}
