"""What a user can mend: the commands print these as one message, without a traceback. And Ctrl-C within Lightning."""


class SerError(Exception):
    """Root of all errors that are a user's to mend: the message says what, where, what was found and the way out."""


class ConfigError(SerError):
    """A setting has a value that cannot be used."""


class SettingError(ConfigError):
    """A component refuses a setting; the message begins with the setting's name, to which `build` adds its group's."""


class CorpusNotFound(SerError):
    """The corpus folder is missing, or holds no clip of that corpus."""


class CorpusError(SerError):
    """A corpus is there but cannot be understood: its table, or a name in it."""


class AudioError(SerError):
    """A clip cannot be used: unreadable, empty, too short, or silent."""


class SilentError(AudioError):
    """A clip is silent."""


class SplitError(SerError):
    """The protocol cannot be applied to the utterances at hand."""


class StoreError(SerError):
    """The store on disk cannot be read or written."""


class ProcessError(SerError):
    """A process that trained along, or that ran a run of a sweep, has died."""


class ResumeError(SerError):
    """A run or a sweep cannot go on where it was."""


class SweepError(SerError):
    """A sweep has come to its end, but not all of its runs are finished."""


class DownloadError(SerError):
    """A corpus cannot be downloaded, unpacked, or put where it shall lie."""


class EncoderError(SerError):
    """A pretrained encoder cannot be had, or cannot be used."""


class CompareError(SerError):
    """There are no runs to compare, or the comparison cannot be written."""


class ReportError(SerError):
    """A run folder holds no result to make a page of."""


class EnsembleError(SerError):
    """Runs cannot be put together, or the result cannot be written."""


class ModelError(SerError):
    """A trained model cannot be loaded, exported or shared, or holds what is not trusted."""


class PredictError(SerError):
    """Recordings cannot be answered as was asked, or the answers cannot be written."""


class EvaluateError(SerError):
    """A run cannot be tested on a corpus, or the result cannot be written."""


class RobustnessError(SerError):
    """A run's test cannot be heard again, or what came of it cannot be written."""


class ServeError(SerError):
    """The page or the service cannot be started."""


class Aborted(BaseException):
    """Ctrl-C that ends the program at once, where Lightning is at work.

    No KeyboardInterrupt: of that Lightning makes exit code 1, without a word. No Exception: nothing has failed.
    """
